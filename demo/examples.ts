// The ready texts: those of the model folder, if it has its own (the fixture knows nothing but its toy language), else
// articles that no model was trained on.
import articles from './examples.json' with { type: 'json' };
import { modelUrl, parameter } from './page-parameters.js';

export interface Example {
  title: string;
  text: string;
  questions: readonly { question: string }[];
  /** Where the text is from, if it has to be named. */
  origin?: { name: string; url: string; licence: string };
}

const SHOWN = 3;

function ofArticles(): Example[] {
  return articles.examples.map(({ title, text, questions, source, url, licence }) => ({
    title,
    text,
    questions,
    origin: { name: source, url, licence },
  }));
}

/** The examples of the model that the page's address names; without a name, or without examples there, the articles. */
export async function loadExamples(): Promise<Example[]> {
  if (!parameter('model')) return ofArticles();
  try {
    const response = await fetch(new URL('examples.json', new URL(modelUrl(), location.href)));
    const { examples } = (await response.json()) as { examples: { text: string; question: string }[] };
    return examples.slice(0, SHOWN).map(({ text, question }, index) => ({
      title: `Example ${index + 1}`,
      text,
      questions: [{ question }],
    }));
  } catch {
    // Most model folders have no examples.
    return ofArticles();
  }
}
