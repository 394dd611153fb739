import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { runSteps, withNeeds } from './steps.mjs';

/** A step that runs some JavaScript. */
const start = ({ code }) => spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });

async function run(steps, { wanted = Object.keys(steps), atOnce = 2 } = {}) {
  const events = [];
  const ends = ({ child, name }) => child.on('close', () => events.push(`${name} ends`));
  const written = [];
  const passed = await runSteps(steps, wanted, {
    atOnce,
    start: (step) => {
      const [name] = Object.entries(steps).find(([, one]) => one === step);
      events.push(`${name} starts`);
      const child = start(step);
      ends({ child, name });
      return child;
    },
    write: (text) => written.push(text),
  });
  return { passed, events, written: written.join('') };
}

test('a step that is wanted brings what it needs along, in order', () => {
  const steps = { a: {}, b: {}, c: { needs: ['a'] }, d: { needs: ['c'] } };
  expect(withNeeds(steps, ['d'])).toEqual(['a', 'c', 'd']);
});

test('a step starts once all it needs has passed, and others start beside', async () => {
  const slow = 'setTimeout(() => {}, 400)';
  const { passed, events } = await run({
    a: { code: slow },
    b: { code: '', needs: ['a'] },
    c: { code: slow },
  });
  expect(passed).toBe(true);
  expect(events.slice(0, 2)).toEqual(['a starts', 'c starts']);
  expect(events.indexOf('b starts')).toBeGreaterThan(events.indexOf('a ends'));
});

test('no more steps run at a time than allowed', async () => {
  const code = 'setTimeout(() => {}, 100)';
  const { events } = await run({ a: { code }, b: { code }, c: { code } }, { atOnce: 1 });
  expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
});

test('a failure fails the run, keeps what needs it from running, and stops nothing else', async () => {
  const { passed, events, written } = await run({
    a: { code: 'process.exit(3)' },
    b: { code: '', needs: ['a'] },
    c: { code: '', needs: ['b'] },
    d: { code: 'setTimeout(() => {}, 300)' },
    e: { code: '', needs: ['d'] },
  });
  expect(passed).toBe(false);
  expect(events).not.toContain('b starts');
  expect(events).not.toContain('c starts');
  expect(events).toContain('e ends');
  expect(written).toMatch(/ b +0\.0 s {2}not run/);
  expect(written).toContain('failed: a, b, c in');
});

test('a step that is killed, or that cannot be started, has failed', async () => {
  expect((await run({ a: { code: 'process.kill(process.pid, "SIGKILL")' } })).passed).toBe(false);
  const options = { atOnce: 1, write: () => {}, start: () => spawn('/no/such/program') };
  expect(await runSteps({ a: {} }, ['a'], options)).toBe(false);
});

test('the outputs of two steps do not mix', async () => {
  const speak = (name) => `let n = 0; const timer = setInterval(() => {
    console.log('${name}' + n); console.error('${name}' + n); if (++n === 5) clearInterval(timer); }, 20)`;
  const { written } = await run({ a: { code: speak('a') }, b: { code: speak('b') } });
  for (const name of ['a', 'b']) {
    const lines = new RegExp(`^== ${name}: passed after .* s\n((?:${name}\\d\n){10})$`, 'm');
    expect(written).toMatch(lines);
  }
});
