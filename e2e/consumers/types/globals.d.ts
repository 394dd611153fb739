// What the documentation's snippets take for granted.
declare const text: string;
declare const question: string;
declare const output: HTMLElement;
declare const gmsa: import('gmsa-web').Gmsa;
declare const context: import('gmsa-web').CompressedContext;
