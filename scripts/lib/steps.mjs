// Runs steps beside each other, each as soon as those it needs have passed.

/**
 * @typedef {{ needs?: string[] }} Step
 * @typedef {{ name: string, result: 'passed' | 'failed' | 'not run', seconds: number }} Outcome
 */

/** @returns {string[]} the wanted steps and all that they need, in the order of `steps` */
export function withNeeds(steps, wanted) {
  const all = new Set();
  const add = (name) => {
    if (all.has(name)) return;
    all.add(name);
    for (const need of steps[name].needs ?? []) add(need);
  };
  for (const name of wanted) add(name);
  return Object.keys(steps).filter((name) => all.has(name));
}

/**
 * @template {Step} S
 * @param {Record<string, S>} steps by name, each after those that it needs; of those that could start, the first does
 * @param {string[]} wanted names; what they need runs too
 * @param {object} options
 * @param {number} options.atOnce the most steps at a time
 * @param {(step: S) => import('node:child_process').ChildProcess} options.start with pipes for its output
 * @param {(text: string) => void} [options.write]
 * @returns {Promise<boolean>} whether all passed. A failed step doesn't stop those that don't need it. What a step writes
 *   is held back until it ends, so that outputs don't mix, or until an interrupt; a single step writes at once.
 */
export async function runSteps(
  steps,
  wanted,
  { atOnce, start, write = (text) => process.stdout.write(text) },
) {
  const waiting = withNeeds(steps, wanted);
  const alone = waiting.length === 1;
  const running = new Map();
  /** @type {Map<string, Outcome>} */
  const outcomes = new Map();
  const began = performance.now();

  const interrupt = (signal) => {
    for (const [name, { child, output }] of running) {
      child.kill(signal);
      write(`\n== ${name}: interrupted\n${output.join('')}`);
    }
    process.exit(1);
  };
  const signals = ['SIGINT', 'SIGTERM'];
  for (const signal of signals) process.once(signal, interrupt);

  const run = (name) => {
    write(`-- ${name} starts\n`);
    const started = performance.now();
    const child = start(steps[name]);
    const output = [];
    const keep = alone ? write : (text) => output.push(text);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep);
    const ended = new Promise((resolve) => {
      child.on('error', (error) => {
        keep(`${error}\n`);
        resolve(false);
      });
      child.on('close', (code) => resolve(code === 0));
    }).then((ok) => {
      running.delete(name);
      const seconds = (performance.now() - started) / 1000;
      const result = ok ? 'passed' : 'failed';
      outcomes.set(name, { name, result, seconds });
      write(`\n== ${name}: ${result} after ${seconds.toFixed(1)} s\n${output.join('').trimEnd()}\n\n`);
    });
    running.set(name, { child, output, ended });
  };

  for (;;) {
    const needs = (name) => steps[name].needs ?? [];
    for (const name of [...waiting]) {
      const [lost] = needs(name).filter(
        (need) => !['passed', undefined].includes(outcomes.get(need)?.result),
      );
      if (lost === undefined) continue;
      waiting.splice(waiting.indexOf(name), 1);
      outcomes.set(name, { name, result: 'not run', seconds: 0 });
    }
    const ready = waiting.filter((name) => needs(name).every((need) => outcomes.has(need)));
    for (const name of ready.slice(0, atOnce - running.size)) {
      waiting.splice(waiting.indexOf(name), 1);
      run(name);
    }
    if (running.size === 0) break;
    await Promise.race([...running.values()].map(({ ended }) => ended));
  }
  for (const signal of signals) process.removeListener(signal, interrupt);

  const total = ((performance.now() - began) / 1000).toFixed(0);
  const rows = [...outcomes.values()].map(
    ({ name, result, seconds }) => `  ${name.padEnd(10)} ${seconds.toFixed(1).padStart(6)} s  ${result}`,
  );
  const bad = [...outcomes.values()].filter(({ result }) => result !== 'passed').map(({ name }) => name);
  write(
    `${rows.join('\n')}\n${bad.length === 0 ? 'all steps passed' : `failed: ${bad.join(', ')}`} in ${total} s\n`,
  );
  return bad.length === 0;
}
