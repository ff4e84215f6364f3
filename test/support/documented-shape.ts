/** The shapes of answers as the OpenAPI document has them, for clients that know nothing else. */
import { type OperationName, OPERATIONS } from '@waybill/schema/api';
import { z } from 'zod';
import { openApiDocument } from '../../packages/consumer/src/http/openapi.ts';

interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>
  >;
  readonly components: { readonly schemas: object };
}
interface Response {
  readonly content: Readonly<Record<string, { readonly schema: object }>>;
}

let shapes: Map<OperationName, z.ZodType> | null = null;

/** The shape of an operation's JSON answer; of `bills.all`, that of a line. */
export function documentedShape(name: OperationName): z.ZodType {
  shapes ??= readShapes();
  return shapes.get(name) as z.ZodType;
}

function readShapes(): Map<OperationName, z.ZodType> {
  // JSON Schema that stands alone has its definitions in itself.
  const text = JSON.stringify(openApiDocument()).replaceAll('#/components/schemas/', '#/$defs/');
  const { paths, components } = JSON.parse(text) as Document;
  return new Map(
    Object.values(OPERATIONS).map(({ name, http }) => {
      const response = paths[http.path]?.[http.method.toLowerCase()]?.responses[String(http.status)];
      const schema = response?.content[http.forms[0]]?.schema ?? {};
      return [
        name,
        z.fromJSONSchema({ ...schema, $defs: components.schemas } as Parameters<typeof z.fromJSONSchema>[0]),
      ];
    }),
  );
}
