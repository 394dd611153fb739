export { type LanguageModelOptions, languageModel } from './language-model.js';
