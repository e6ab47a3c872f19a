/** Renders a CustomResourceDefinition from a schema of this folder. */
import {leasePolicyResource} from './leasepolicy.ts';
import {leaseRegistryResource} from './leaseregistry.ts';

type Resource = typeof leasePolicyResource | typeof leaseRegistryResource;
type Json = null | boolean | number | string | Json[] | {[key: string]: Json};

/** Both definitions, in the order in which they are applied. */
export const resources: readonly Resource[] = [leasePolicyResource, leaseRegistryResource];

/**
 * A structural OpenAPI schema from a JSON schema. A property with a default is not required: the API server
 * fills it in. A record's values are given by its one pattern.
 */
function structural(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(structural);
  if (schema === null || typeof schema !== 'object') return schema;
  const {patternProperties, required, properties, default: preset, ...rest} = schema as Record<string, Json>;
  const out: Record<string, Json> = {};
  for (const [key, value] of Object.entries(rest)) out[key] = key === 'items' ? structural(value) : value;
  if (patternProperties) {
    out.additionalProperties = structural(Object.values(patternProperties as Record<string, Json>)[0] ?? {});
  }
  const entries = Object.entries((properties ?? {}) as Record<string, Json>);
  // The API server drops an empty map, and kubectl would find a difference at every apply.
  if (entries.length > 0) {
    out.properties = Object.fromEntries(entries.map(([key, value]) => [key, structural(value)]));
    const needed = entries.filter(([key, value]) => isRequired(key, value, required)).map(([key]) => key);
    if (needed.length > 0) out.required = needed;
  }
  if (preset !== undefined) out.default = complete(preset, out.properties);
  return out;
}

/** The API server checks a default against the CEL rules before it fills in nested ones: so write them out. */
function complete(preset: Json, properties: Json | undefined): Json {
  if (!properties || typeof properties !== 'object' || Array.isArray(properties)) return preset;
  const filled: Record<string, Json> = {};
  for (const [key, schema] of Object.entries(properties)) {
    const nested = (schema as {default?: Json}).default;
    if (nested !== undefined) filled[key] = nested;
  }
  return {...filled, ...(preset as Record<string, Json>)};
}

function isRequired(key: string, schema: Json, required: Json | undefined): boolean {
  const listed = Array.isArray(required) && required.includes(key);
  return listed && !(schema && typeof schema === 'object' && 'default' in schema) && key !== 'metadata';
}

/** The manifest of the definition; its schema is plain JSON. */
export function customResourceDefinition(resource: Resource): Record<string, unknown> {
  const {schema, columns, group, version, kind, plural, singular, shortNames, scope} = resource;
  const root = structural(JSON.parse(JSON.stringify(schema))) as {properties: Record<string, Json>};
  root.properties = {
    apiVersion: {type: 'string'},
    kind: {type: 'string'},
    ...root.properties,
    metadata: {type: 'object'},
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {name: `${plural}.${group}`},
    spec: {
      group,
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames: [...shortNames],
        categories: ['leasing'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: {openAPIV3Schema: root},
          additionalPrinterColumns: columns.map(column => ({...column})),
          ...('status' in schema.properties ? {subresources: {status: {}}} : {}),
        },
      ],
    },
  };
}
