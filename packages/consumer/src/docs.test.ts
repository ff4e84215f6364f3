/** The documents say what the code does: they are compared with it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { billCommand } from './cli/bill.ts';
import { deployCommand } from './cli/deploy.ts';
import { EXIT_CODES, UNFORESEEN } from './cli/exit-codes.ts';
import { headCommand } from './cli/head.ts';
import { replayCommand } from './cli/replay.ts';
import { serveCommand } from './cli/serve.ts';
import { usageCommand } from './cli/usage.ts';
import { verifyCommand } from './cli/verify.ts';
import { Environment } from './config/environment.ts';
import { CONSUMER_ERROR_CODES } from './errors.ts';
import { METRICS } from './service/metrics.ts';
import { READER_METRICS } from './service/reader-metrics.ts';
import { API_ERROR_CODES, OPERATIONS } from '@waybill/schema/api';

const COMMANDS = [serveCommand, deployCommand, usageCommand, billCommand, verifyCommand, headCommand, replayCommand];

const ALL_METRICS = { ...METRICS, ...READER_METRICS };

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), 'utf8');

/** The cells of a table's rows whose first cell is code. */
function rows(text: string): string[][] {
  return [...text.matchAll(/^\| `[^\n]*$/gm)].map(([line]) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The items of a page's lists that begin with code: `- \`name\` (notes): text`, over as many lines as it takes. */
function items(text: string): string[][] {
  return [...text.matchAll(/^- (`\w+`)(?: \((.*?)\))?: ([^\n]*(?:\n {2}\S[^\n]*)*)/gms)].map(
    ([, name = '', notes = '', meaning = '']) => [name, notes, meaning.replaceAll('\n  ', ' ')],
  );
}

test('docs/reference/configuration.md has exactly the variables, their defaults and their meanings', () => {
  const defaults: Record<string, string | number | undefined> = Environment.parse({});
  const wanted = Object.entries(Environment.shape).map(([name, schema]) => {
    const value = defaults[name];
    return [`\`${name}\``, value === undefined ? '' : `default \`${String(value)}\``, schema.description];
  });
  expect(items(page('configuration.md'))).toEqual(wanted);
});

test('docs/reference/operations.md has exactly the metrics', () => {
  const section = page('operations.md').split('### Metrics')[1]?.split('\n#')[0] ?? '';
  const wanted = Object.entries(ALL_METRICS).map(([name, metric]) => [
    `\`${name}\``,
    metric.type + ('labels' in metric ? ` by ${metric.labels.map((label) => `\`${label}\``).join(', ')}` : ''),
    metric.help,
  ]);
  expect(items(section)).toEqual(wanted);
});

test('deploy/prometheus-alerts.yml asks for metrics that there are, and docs/reference/operations.md explains each alert', () => {
  const text = readFileSync(new URL('../../../deploy/prometheus-alerts.yml', import.meta.url), 'utf8');
  const used = [...text.matchAll(/^ +expr: (.*)$/gm)].flatMap(([, expr = '']) =>
    expr.match(/\b(waybill|process)_\w+/g),
  );
  const known = Object.entries(ALL_METRICS).map(([name, { type }]) => (type === 'histogram' ? `${name}_bucket` : name));
  expect(used.filter((name) => name === null || !known.includes(name))).toEqual([]);
  const alerts = [...text.matchAll(/- alert: (\w+)/g)].map(([, name]) => `\`${name}\``);
  const section = page('operations.md').split('### Alerts')[1]?.split('\n#')[0] ?? '';
  expect(rows(section).flatMap(([cell = '']) => cell.split(', '))).toEqual(alerts);
});

test('the names of metrics follow the conventions of Prometheus', () => {
  for (const [name, { type, help }] of Object.entries(ALL_METRICS)) {
    expect(name).toMatch(/^(waybill|process)(_[a-z]+)+$/);
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    expect(help).toMatch(/\.$/);
  }
});

test('docs/reference/api.md has exactly the operations', () => {
  const section = page('api.md').split('## Operations')[1]?.split('\n## ')[0] ?? '';
  const wanted = Object.values(OPERATIONS).map(
    ({ name, http, scope, summary }) =>
      `\`${name}\` (\`${http.method} ${http.path}\`, scope \`${scope}\`): ${summary}.`,
  );
  const found = [...section.matchAll(/^- (`[^\n]*(?:\n {2}\S[^\n]*)*)/gm)].map(([, text = '']) => text);
  expect(found.map((text) => text.replaceAll(/\n +/g, ' '))).toEqual(wanted);
});

test('docs/reference/errors.md has each code that the API answers with', () => {
  const unforeseen = API_ERROR_CODES.filter((code) => !(CONSUMER_ERROR_CODES as readonly string[]).includes(code));
  expect(unforeseen).toEqual(['INTERNAL']);
});

test('docs/reference/errors.md lists exactly the codes of the consumer', () => {
  const section = page('errors.md').split('## `@waybill/consumer`')[1]?.split('\n## ')[0] ?? '';
  expect([...section.matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code)).toEqual(CONSUMER_ERROR_CODES);
});

test('docs/reference/cli.md quotes each help text, and has the exit code of each error', () => {
  const text = page('cli.md');
  for (const { name, help } of COMMANDS) {
    expect(text, `help of ${name}`).toContain(`\`\`\`\n${help}\n\`\`\``);
  }
  const documented = Object.fromEntries(
    rows(text).flatMap(([code = '', , errors = '']) =>
      [...errors.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => [name, Number(code.replaceAll('`', ''))]),
    ),
  );
  expect(documented).toEqual({ ...EXIT_CODES, UNFORESEEN });
});
