import { z } from 'zod'

/*
 * What is read of a SanitizeUserPromptResponse or SanitizeModelResponseResponse, after
 * google/cloud/modelarmor/v1/service.proto in its JSON form: int64 are strings, what is empty may be absent.
 */

const matchState = z.enum(['NO_MATCH_FOUND', 'MATCH_FOUND'])

/** What every filter says. One that was skipped has no opinion, whatever its match state. */
const filterSchema = z.object({
  executionState: z.enum(['EXECUTION_SUCCESS', 'EXECUTION_SKIPPED']),
  matchState,
})

/** What cannot be read of a description leaves the thing undescribed. */
const word = z.string().nullish().catch(undefined)

const int64 = z
  .union([z.int(), z.string().regex(/^\d{1,15}$/)])
  .transform(Number)
  .optional()
  .catch(undefined)

/** Half-open. */
const rangeSchema = z.object({ start: int64, end: int64 }).nullish().catch(undefined)

const confidentSchema = filterSchema.extend({ confidenceLevel: word })

const raiSchema = filterSchema.extend({
  raiFilterTypeResults: z.record(z.string(), z.object({ matchState, confidenceLevel: word })).nullish(),
})

const uriSchema = filterSchema.extend({
  maliciousUriMatchedItems: z
    .array(z.object({ uri: word, locations: z.array(rangeSchema).nullish() }))
    .nullish(),
})

const locationSchema = z
  .object({ byteRange: rangeSchema, codepointRange: rangeSchema })
  .nullish()
  .catch(undefined)

const inspectionSchema = filterSchema.extend({
  findings: z.array(z.object({ infoType: word, likelihood: word, location: locationSchema })).nullish(),
  findingsTruncated: z.boolean().nullish(),
})

const deidentificationSchema = filterSchema.extend({ infoTypes: z.array(z.string()).nullish() })

/** `sdpFilterResult` is a oneof. */
const sdpSchema = z.union([
  z
    .strictObject({ inspectResult: inspectionSchema })
    .transform(({ inspectResult }) => ({ kind: 'inspection' as const, result: inspectResult })),
  z
    .strictObject({ deidentifyResult: deidentificationSchema })
    .transform(({ deidentifyResult }) => ({ kind: 'deidentification' as const, result: deidentifyResult })),
])

/** A filter that came later than this: what every filter says is enough. */
const otherSchema = z
  .record(
    z.string().regex(/^(?!(rai|sdp|piAndJailbreak|maliciousUri|csamFilter|virusScan)FilterResult$)/),
    filterSchema,
  )
  .refine(results => Object.keys(results).length === 1)

/** A filter's result is a oneof, hence strict. The doubled "Filter" of csam is the service's. */
const filterResultSchema = z.union([
  z
    .strictObject({ raiFilterResult: raiSchema })
    .transform(({ raiFilterResult }) => ({ kind: 'rai' as const, result: raiFilterResult })),
  z.strictObject({ sdpFilterResult: sdpSchema }).transform(({ sdpFilterResult }) => sdpFilterResult),
  z
    .strictObject({ piAndJailbreakFilterResult: confidentSchema })
    .transform(filter => ({ kind: 'prompt-attack' as const, result: filter.piAndJailbreakFilterResult })),
  z
    .strictObject({ maliciousUriFilterResult: uriSchema })
    .transform(filter => ({ kind: 'malicious-uri' as const, result: filter.maliciousUriFilterResult })),
  z
    .strictObject({ csamFilterFilterResult: filterSchema })
    .transform(filter => ({ kind: 'csam' as const, result: filter.csamFilterFilterResult })),
  z
    .strictObject({ virusScanFilterResult: filterSchema })
    .transform(filter => ({ kind: 'virus' as const, result: filter.virusScanFilterResult })),
  otherSchema.transform(filter => ({ kind: 'other' as const, result: Object.values(filter)[0]! })),
])

/** `filterResults` is a map by the filters' names in the proto, and was seen as a list. It is never empty. */
export const answerSchema = z.object({
  sanitizationResult: z.object({
    filterMatchState: matchState,
    invocationResult: z.enum(['SUCCESS', 'PARTIAL', 'FAILURE']),
    filterResults: z
      .union([
        z.array(filterResultSchema),
        z.record(z.string(), filterResultSchema).transform(filters => Object.values(filters)),
      ])
      .refine(filters => filters.length > 0, 'no filter was run'),
  }),
})

export type FilterResult = z.output<typeof filterResultSchema>
export type Range = z.output<typeof rangeSchema>
type Of<Kind extends FilterResult['kind']> = Extract<FilterResult, { kind: Kind }>['result']
export type RaiResult = Of<'rai'>
export type UriResult = Of<'malicious-uri'>
export type Inspection = Of<'inspection'>
export type Deidentification = Of<'deidentification'>
