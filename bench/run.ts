/** `npm run bench -- [publisher|signing|ledger|ledger-scale|verify|bill|usage|scaling|end-to-end|sizing|all]`: one after the other. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const BENCHES = [
  'publisher',
  'signing',
  'ledger',
  'ledger-scale',
  'verify',
  'bill',
  'usage',
  'scaling',
  'end-to-end',
  'sizing',
] as const;

/** As the Dockerfile has it (docs/reference/operations.md, "Memory"). */
const HEAP = [
  '--min-semi-space-size=16',
  '--max-semi-space-size=16',
  '--heap-growing-percent=70',
  '--no-allocation-site-pretenuring',
];

const [wanted = 'all', ...rest] = process.argv.slice(2);
const chosen = BENCHES.filter((name) => wanted === 'all' || wanted === name);
if (chosen.length === 0 || rest.length > 0) {
  console.error(`bench: expected one of ${[...BENCHES, 'all'].join(', ')}, got ${[wanted, ...rest].join(' ')}`);
  process.exit(64);
}
for (const name of chosen) {
  console.log(`\n== ${name}`);
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--conditions=source', ...HEAP, file], { stdio: 'inherit' });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (code !== 0) {
    console.error(`bench ${name} ended with ${signal ?? `exit code ${code}`}`);
    process.exit(code ?? 1);
  }
}
