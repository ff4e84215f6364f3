import { spawn } from 'node:child_process';

/** Ends what its owner leaves behind. */
export interface Guard {
  /** From now on `pid` is the one to end; undefined when there is none. */
  watch(pid: number | undefined): void;
  /** Nothing is left to guard. */
  release(): void;
}

/**
 * A shell that sleeps on a pipe from this process and, when the pipe closes, kills the watched pid and removes
 * `folder`.
 *
 * The pipe closes however this process ends, by SIGKILL too, which no exit handler would see. A shell, because it costs
 * a megabyte and a millisecond. It leads its own session, so that a Ctrl-C does not end it before it is needed.
 */
const SCRIPT = `
pid=0
while read -r line; do pid=$line; done
[ "$pid" -gt 0 ] && kill -9 "$pid" 2>/dev/null
rm -rf -- "$1"
`;

export function startGuard(folder: string): Guard {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'waybill-nats-guard', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.unref();
  // The pipe must not keep this process alive either: it is the end of this process that the guard waits for.
  (shell.stdin as typeof shell.stdin & { unref(): void }).unref();
  // A guard that somebody else killed guards nothing, which is no reason to fail what it was there for.
  shell.stdin.on('error', () => undefined);
  return {
    watch: (pid) => void shell.stdin.write(`${pid ?? 0}\n`),
    release: () => void shell.stdin.end('0\n'),
  };
}
