/** What the schemas of this folder share. */
import Type from 'typebox';

/** A CEL rule of a CRD; the message tells the user what to write instead. */
export type CelRule = {rule: string; message: string};

/** The option of a schema that carries its CEL rules. */
export const rules = (...list: CelRule[]) => ({'x-kubernetes-validations': list});

/** A text that is one of these. */
export const choice = <const Values extends readonly string[]>(
  values: Values,
  options: {description?: string; default?: Values[number]} = {},
) => Type.Unsafe<Values[number]>(Type.String({enum: [...values], ...options}));

/** The name of a namespace, and everything else that is one label of a DNS name. */
export const DNS_LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';

/** The part of metadata that a CRD schema may name. */
export const objectMetaSchema = Type.Object({name: Type.String()});
