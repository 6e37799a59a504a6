/**
 * JSON Schemas for kubeconform, made of what registries have: `node scripts/kube-schemas.ts OUT KUBERNETES… -- CRD…`.
 * KUBERNETES is a folder of the Python package kubernetes-validate for one version, `v1.37.0-local-strict`; CRD is a
 * CustomResourceDefinition in YAML. kubeconform follows no reference between files, so that each schema is written
 * whole; and in a schema of a CRD a field that it does not name becomes an error, as in those of Kubernetes.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

/** Those that deploy/ uses, by the names of their files. A kind that is not here is an error of kubeconform. */
const KINDS = [
  'configmap-v1',
  'deployment-apps-v1',
  'horizontalpodautoscaler-autoscaling-v2',
  'namespace-v1',
  'networkpolicy-networking-v1',
  'poddisruptionbudget-policy-v1',
  'secret-v1',
  'service-v1',
  'serviceaccount-v1',
]

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type JsonObject = Extract<Json, { readonly [key: string]: Json }>

const json: z.ZodType<Json> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(json), z.record(z.string(), json)]),
)
const jsonObject = z.record(z.string(), json)
const definitions = z.looseObject({ $defs: z.record(z.string(), jsonObject) })
const crd = z.looseObject({
  spec: z.looseObject({
    group: z.string(),
    names: z.looseObject({ kind: z.string() }),
    versions: z.array(
      z.looseObject({ name: z.string(), schema: z.looseObject({ openAPIV3Schema: jsonObject }) }),
    ),
  }),
})

const [out, ...inputs] = process.argv.slice(2)
const split = inputs.indexOf('--')
if (out === undefined || split < 0) {
  console.error('usage: node scripts/kube-schemas.ts OUT KUBERNETES… -- CRD…')
  process.exit(2)
}
for (const folder of inputs.slice(0, split)) writeKubernetes(folder, out)
for (const file of inputs.slice(split + 1)) writeCrd(file, out)

function writeKubernetes(folder: string, out: string): void {
  const known = definitions.parse(readJson(join(folder, '_definitions.json'))).$defs
  const target = join(out, basename(folder))
  mkdirSync(target, { recursive: true })
  for (const kind of KINDS) {
    const schema = inlined(jsonObject.parse(readJson(join(folder, `${kind}.json`))), known, [])
    writeFileSync(join(target, `${kind}.json`), JSON.stringify(schema))
  }
}

function writeCrd(file: string, out: string): void {
  const { spec } = crd.parse(parse(readFileSync(file, 'utf8')))
  const target = join(out, spec.group)
  mkdirSync(target, { recursive: true })
  for (const version of spec.versions) {
    const schema = strict(version.schema.openAPIV3Schema)
    writeFileSync(
      join(target, `${spec.names.kind.toLowerCase()}_${version.name}.json`),
      JSON.stringify(schema),
    )
  }
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a reference names stands in its place; where one comes back to itself, anything goes. */
function inlined(value: Json, known: Readonly<Record<string, Json>>, within: readonly string[]): Json {
  if (Array.isArray(value)) return value.map(one => inlined(one, known, within))
  if (!isObject(value)) return value
  const { $ref } = value
  if (typeof $ref !== 'string') {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inlined(one, known, within)]))
  }
  const name = $ref.slice($ref.lastIndexOf('/') + 1)
  const definition = known[name]
  if (definition === undefined) throw new Error(`a schema refers to ${$ref}, which there is not`)
  return within.includes(name) ? {} : inlined(definition, known, [...within, name])
}

function strict(value: Json): Json {
  if (Array.isArray(value)) return value.map(strict)
  if (!isObject(value)) return value
  const copy = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, strict(one)]))
  // A field that happens to be called `properties` has no schema's type beside it.
  const closed =
    copy.type === 'object' &&
    'properties' in copy &&
    !('additionalProperties' in copy) &&
    copy['x-kubernetes-preserve-unknown-fields'] !== true
  return closed ? { ...copy, additionalProperties: false } : copy
}
