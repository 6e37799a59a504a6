import { GuardrailChecksSensitiveInformationEntityType as SdkEntities } from '@aws-sdk/client-bedrock-runtime'
import { describe, expect, test } from 'vitest'
import { bedrockChecks } from '../../../../src/guardrail/bedrock-checks/bedrock-checks.ts'

const BASE = { kind: 'bedrock-checks', region: 'eu-west-1', api_key: 'k' }
const ALL_OFF = {
  content_filter: { HATE: 'off', INSULTS: 'off', MISCONDUCT: 'off', SEXUAL: 'off', VIOLENCE: 'off' },
  prompt_attack: { JAILBREAK: 'off', PROMPT_INJECTION: 'off', PROMPT_LEAKAGE: 'off' },
}

const parse = (config: object) => bedrockChecks.configSchema.safeParse({ ...BASE, ...config })

describe('the config', () => {
  test('has defaults for all but the region and a key', () => {
    expect(parse({}).data).toMatchObject({
      ...BASE,
      content_filter: { HATE: 0.6, INSULTS: 0.6, MISCONDUCT: 0.6, SEXUAL: 0.6, VIOLENCE: 0.6 },
      prompt_attack: { JAILBREAK: 0.6, PROMPT_INJECTION: 0.6, PROMPT_LEAKAGE: 0.6 },
      sensitive_information: { entities: [], threshold: 0.4 },
      max_text_units: 25,
    })
  })

  test('knows every entity of the service', () => {
    const entities = Object.values(SdkEntities)
    expect(entities).toHaveLength(31)
    expect(parse({ sensitive_information: { entities } }).success).toBe(true)
  })

  test.each<[string, object]>([
    ['entities alone', { ...ALL_OFF, sensitive_information: { entities: ['EMAIL'] } }],
    ['one category alone', { ...ALL_OFF, prompt_attack: { ...ALL_OFF.prompt_attack, JAILBREAK: 1 } }],
    ['credentials of the pod', { api_key: undefined, credentials: 'pod_identity' }],
  ])('%s is taken', (_, config) => {
    expect(parse(config).success).toBe(true)
  })

  test.each<[string, object]>([
    ['no key', { api_key: undefined }],
    ['a key and credentials', { credentials: 'imds' }],
    ['nothing to check', ALL_OFF],
    ['a guardrail', { guardrail_id: 'gr1' }],
    ['an unknown category', { content_filter: { PROMPT_ATTACK: 0.5 } }],
    ['an unknown entity', { sensitive_information: { entities: ['SHOE_SIZE'] } }],
    ['an entity twice', { sensitive_information: { entities: ['EMAIL', 'EMAIL'] } }],
    ['a threshold that everything reaches', { prompt_attack: { JAILBREAK: 0 } }],
    ['a threshold that nothing reaches', { sensitive_information: { entities: ['EMAIL'], threshold: 1.1 } }],
    ['an unknown key', { thresholds: {} }],
  ])('%s is refused', (_, config) => {
    expect(parse(config).success).toBe(false)
  })

  test('describes every key', () => {
    for (const [key, schema] of Object.entries(bedrockChecks.configSchema.shape)) {
      if (key !== 'kind') expect(schema.description, key).toBeTruthy()
    }
  })

  test('every credential is a secret', () => {
    expect(bedrockChecks.secretKeys).toEqual([
      'api_key',
      'access_key_id',
      'secret_access_key',
      'session_token',
    ])
  })
})
