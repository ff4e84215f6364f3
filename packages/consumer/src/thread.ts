import type { WorkerOptions } from 'node:worker_threads';

const IS_SOURCE = import.meta.url.endsWith('.ts');

/** The main file of a thread, beside the file that starts it. The sources are TypeScript, what is built is not. */
export function threadFile(beside: string, name: string): URL {
  return new URL(`./${name}${IS_SOURCE ? '.ts' : '.js'}`, beside);
}

/** A thread resolves `@waybill/*` as its process does: from the sources, or from what is built. */
export function threadOptions(options: WorkerOptions): WorkerOptions {
  return IS_SOURCE ? { ...options, execArgv: ['--conditions=source'] } : options;
}
