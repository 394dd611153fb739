'use client';

import { Gmsa, GmsaError } from 'gmsa-web';
import { useRef, useState } from 'react';

export default function Page() {
  const gmsa = useRef();
  const compressed = useRef();
  const [answer, setAnswer] = useState('');
  const [status, setStatus] = useState('');
  const [busy, setBusy] = useState(false);

  async function submit(event) {
    event.preventDefault();
    const { text, question } = Object.fromEntries(new FormData(event.currentTarget));
    setBusy(true);
    setAnswer('');
    try {
      const model = new URLSearchParams(location.search).get('model') ?? '/models/gmsa-smollm2-135m/';
      gmsa.current ??= await Gmsa.load(model, { onProgress: ({ status: step }) => setStatus(step) });
      // A further question about the same text pays for the question alone.
      if (compressed.current?.text !== text) {
        compressed.current = { text, context: await gmsa.current.compress(text) };
      }
      const { context } = compressed.current;
      for await (const piece of gmsa.current.ask(context, question)) setAnswer((before) => before + piece);
      setStatus(`${context.tokens} tokens → ${context.softTokens} soft tokens`);
    } catch (error) {
      setStatus(error instanceof GmsaError ? `${error.code}: ${error.message} ${error.fix}` : String(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <main>
      <form onSubmit={submit}>
        <p>
          <label>
            Text <textarea name="text" rows={10} cols={80} required />
          </label>
        </p>
        <p>
          <label>
            Question <input name="question" size={80} required />
          </label>{' '}
          <button type="submit" disabled={busy}>
            Ask
          </button>
        </p>
      </form>
      <p>
        <output>{answer}</output>
      </p>
      <p role="status">{status}</p>
    </main>
  );
}
