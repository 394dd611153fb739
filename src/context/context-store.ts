// Compressed contexts kept in the browser's IndexedDB. Nothing else of the library needs it.
import { type DBSchema, type IDBPDatabase, type IDBPObjectStore, openDB } from 'idb';
import { GmsaError } from '../errors.js';
import { storageState } from '../model-folder/storage.js';
import type { ContextData } from './context-data.js';
import { contextToBlob, type SaveOptions } from './context-file.js';

/** What a store knows of a context without reading its file. */
export interface StoredContext
  extends Pick<ContextData, 'modelName' | 'modelHash' | 'rate' | 'tokens' | 'softTokens' | 'sourceHash'> {
  readonly key: string;
  /** Of the file. */
  readonly bytes: number;
  readonly savedAt: Date;
}

type StoreOf<Name extends 'files' | 'entries'> = IDBPObjectStore<
  Schema,
  ('files' | 'entries')[],
  Name,
  'readwrite'
>;
interface Stores {
  files: StoreOf<'files'>;
  entries: StoreOf<'entries'>;
}

interface Schema extends DBSchema {
  /** By key. Buffers, not Blobs: some browsers keep no Blobs in private windows. */
  files: { key: string; value: ArrayBuffer };
  entries: { key: string; value: StoredContext };
}

/**
 * Contexts by keys of the caller's choosing. Close it when done with it. Every method rejects with GmsaError
 * `UNSUPPORTED` where the browser keeps no data for the page, `BAD_INPUT` for a key that is no text, `DISPOSED` once
 * closed.
 */
export class ContextStore {
  readonly #database: IDBPDatabase<Schema>;
  #closed = false;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  /**
   * @param name of the database; two stores of one name are the same
   * @throws GmsaError `UNSUPPORTED`
   */
  static async open(name = 'gmsa-contexts'): Promise<ContextStore> {
    try {
      const database = await openDB<Schema>(name, 1, {
        upgrade(fresh) {
          fresh.createObjectStore('files');
          fresh.createObjectStore('entries', { keyPath: 'key' });
        },
        // Another page deletes the database or opens a later version of it: do not stand in its way.
        blocking: (_, __, event) => (event.target as IDBDatabase).close(),
      });
      return new ContextStore(database);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** All contexts, those saved last first. */
  async list(): Promise<StoredContext[]> {
    const entries = await this.#run((database) => database.getAll('entries'));
    return entries.sort((a, b) => b.savedAt.getTime() - a.savedAt.getTime());
  }

  /** A context's file, for `Gmsa#open`; undefined if there is none under the key. */
  async get(key: string): Promise<Blob | undefined> {
    checkKey(key);
    const file = await this.#run((database) => database.get('files', key));
    return file && new Blob([file], { type: 'application/octet-stream' });
  }

  /**
   * Saves a context, in place of an earlier one under the same key, which is kept if this fails.
   * @throws GmsaError `STORAGE_FULL`, `BAD_INPUT` for what is no context
   */
  async put(key: string, context: ContextData, options?: SaveOptions): Promise<StoredContext> {
    checkKey(key);
    const file = await contextToBlob(context, options).arrayBuffer();
    const { modelName, modelHash, rate, tokens, softTokens, sourceHash } = context;
    const made = { modelName, modelHash, rate, tokens, softTokens, sourceHash };
    const entry = { key, ...made, bytes: file.byteLength, savedAt: new Date() };
    await this.#write(({ files, entries }) => [files.put(file, key), entries.put(entry)]);
    return entry;
  }

  /** Deletes a context; harmless where there is none. */
  async delete(key: string): Promise<void> {
    checkKey(key);
    await this.#write(({ files, entries }) => [files.delete(key), entries.delete(key)]);
  }

  /** Twice is harmless. */
  close(): void {
    this.#closed = true;
    this.#database.close();
  }

  /** All of it, or nothing. */
  #write(work: (stores: Stores) => Promise<unknown>[]): Promise<void> {
    return this.#run(async (database) => {
      const transaction = database.transaction(['files', 'entries'], 'readwrite');
      const [files, entries] = [transaction.objectStore('files'), transaction.objectStore('entries')];
      await Promise.all([...work({ files, entries }), transaction.done]);
    });
  }

  async #run<T>(work: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
    if (this.#closed) {
      throw new GmsaError(
        'DISPOSED',
        'This ContextStore has been closed.',
        'Open it again with ContextStore.open().',
      );
    }
    try {
      return await work(this.#database);
    } catch (error) {
      throw isQuota(error) ? await full(error) : unavailable(error);
    }
  }
}

function checkKey(key: unknown): void {
  if (typeof key === 'string') return;
  throw new GmsaError('BAD_INPUT', `The key is a ${typeof key}, not a string.`, 'Pass a string.');
}

const isQuota = (error: unknown) => error instanceof Error && error.name === 'QuotaExceededError';

async function full(cause: unknown): Promise<GmsaError> {
  const { usage, quota } = await storageState();
  const figures =
    usage === undefined || quota === undefined ? '' : ` (${mega(usage)} of ${mega(quota)} MB are in use)`;
  return new GmsaError(
    'STORAGE_FULL',
    `The browser has no storage left for the context${figures}.`,
    'Delete contexts that you no longer need (ContextStore#list, #delete), free disk space, or save the file elsewhere.',
    { cause },
  );
}

function unavailable(cause: unknown): GmsaError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new GmsaError(
    'UNSUPPORTED',
    `IndexedDB is not available in this browser: ${reason}`,
    'Allow this page to store data (private windows and blocked cookies prevent it), or store the file of toBlob() yourself.',
    { cause },
  );
}

const mega = (bytes: number) => (bytes / 1e6).toFixed(1);
