import { type CompressedContext, Gmsa, GmsaError } from 'gmsa-web';

const form = document.querySelector('form')!;
const button = document.querySelector('button')!;
const output = document.querySelector('output')!;
const status = document.querySelector('[role=status]')!;
const model = new URLSearchParams(location.search).get('model') ?? '/models/gmsa-smollm2-135m/';

let gmsa: Gmsa | undefined;
let compressed: { text: string; context: CompressedContext } | undefined;

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { text, question } = Object.fromEntries(new FormData(form)) as { text: string; question: string };
  button.disabled = true;
  output.textContent = '';
  try {
    gmsa ??= await Gmsa.load(model, { onProgress: ({ status: step }) => status.replaceChildren(step) });
    // A further question about the same text pays for the question alone.
    if (compressed?.text !== text) compressed = { text, context: await gmsa.compress(text) };
    for await (const piece of gmsa.ask(compressed.context, question)) output.append(piece);
    const { tokens, softTokens } = compressed.context;
    status.replaceChildren(`${tokens} tokens → ${softTokens} soft tokens`);
  } catch (error) {
    status.replaceChildren(
      error instanceof GmsaError ? `${error.code}: ${error.message} ${error.fix}` : String(error),
    );
  } finally {
    button.disabled = false;
  }
});
