/** The OpenAPI document: linted by Redocly, complete, and what the reader serves. */
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { API_ERRORS, type ApiErrorCode, COMMON_ERRORS, OPERATIONS, Problem } from '@waybill/schema/api';
import { expect, test } from 'vitest';
import { documentedShape } from '../support/documented-shape.ts';
import { openApiDocument } from '../../packages/consumer/src/http/openapi.ts';

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly description?: string }[];
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly content?: Readonly<
          Record<string, { example?: unknown; examples?: Record<string, { value: unknown }> }>
        >;
      }
    >
  >;
}

// As a client reads it.
const document = JSON.parse(JSON.stringify(openApiDocument())) as {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

test('has nothing that the recommended rules of Redocly find', async () => {
  const config = await createConfig({ extends: ['recommended-strict'] });
  const problems = await lintFromString({ source: JSON.stringify(document), absoluteRef: 'openapi.json', config });
  expect(problems.map(({ ruleId, message, location: [at] }) => `${ruleId}: ${message} ${at?.pointer ?? ''}`)).toEqual(
    [],
  );
});

test('has every operation with its parameters, forms and errors', () => {
  for (const { name, http, input, errors } of Object.values(OPERATIONS)) {
    const found = document.paths[http.path]?.[http.method.toLowerCase()];
    expect(found?.operationId).toBe(name.replaceAll('.', '_'));
    const names = (found?.parameters ?? []).filter((one) => one.in !== 'header').map((one) => one.name);
    expect(names.toSorted()).toEqual(Object.keys(input.shape).toSorted());
    for (const one of found?.parameters ?? []) expect(one.description, `${name} ${one.name}`).toMatch(/\.$/);
    expect(Object.keys(found?.responses[String(http.status)]?.content ?? {})).toEqual([...http.forms]);
    for (const code of [...COMMON_ERRORS, ...errors] as ApiErrorCode[]) {
      const problem = found?.responses[String(API_ERRORS[code].status)]?.content?.['application/problem+json'];
      const example = problem?.examples?.[code]?.value;
      expect(Problem.parse(example), `${name} ${code}`).toEqual(example);
    }
  }
});

test('every example of an answer has the shape of the answer', () => {
  const examples = Object.values(OPERATIONS).flatMap(({ name, http, output }) => {
    const { content } = document.paths[http.path]?.[http.method.toLowerCase()]?.responses[String(http.status)] ?? {};
    const example = content?.['application/json']?.example;
    return example === undefined ? [] : [{ name, example, parsed: output.parse(example) }];
  });
  expect(examples.length).toBeGreaterThan(5);
  for (const { name, example, parsed } of examples) {
    expect(parsed, name).toEqual(example);
    expect(documentedShape(name).parse(example), name).toEqual(example);
    expect(documentedShape(name).safeParse({ ...(example as object), more: 1 }).success, 'answers may grow').toBe(true);
    expect(documentedShape(name).safeParse({}).success, name).toBe(false);
  }
});

test('every member of an answer is described', () => {
  const missing: string[] = [];
  const visit = (schema: unknown, at: string): void => {
    if (typeof schema !== 'object' || schema === null) return;
    const { properties = {} } = schema as { properties?: Record<string, { description?: string; $ref?: string }> };
    for (const [name, member] of Object.entries(properties))
      if (member.description === undefined && member.$ref === undefined) missing.push(`${at}.${name}`);
    for (const [name, member] of Object.entries(schema)) visit(member, `${at}.${name}`);
  };
  visit(document.components.schemas, '');
  expect(missing).toEqual([]);
});
