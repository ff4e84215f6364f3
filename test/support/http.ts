/** What a `waybill serve` with `WAYBILL_HTTP_PORT=0` says over HTTP. */
import { expect } from 'vitest';
import { until } from './until.ts';
import type { Serving } from './waybill.ts';

/** Where it listens; waits until it is ready. */
export async function httpOf(serving: Serving): Promise<string> {
  const url = await until(
    'the health endpoints',
    () => /"url":"([^"]+)","msg":"health endpoints"/.exec(serving.log)?.[1],
  );
  await until('serve to be ready', async () => (await fetch(`${url}/readyz`)).ok);
  return url;
}

export async function statusOf(url: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`${url}/status`)).json()) as Record<string, unknown>;
}

/** The samples of `/metrics`, by name and labels as they are printed. */
export async function samplesOf(url: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
