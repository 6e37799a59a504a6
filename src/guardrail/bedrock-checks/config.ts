import { z } from 'zod'
import { bedrockKeys, checkBedrockAccess, textUnitsSchema } from '../../aws/config.ts'
import { serviceKeys } from '../../service/service-config.ts'

/** The service's own names, as all in this file. */
const ENTITIES = [
  'ADDRESS',
  'AGE',
  'AWS_ACCESS_KEY',
  'AWS_SECRET_KEY',
  'CA_HEALTH_NUMBER',
  'CA_SOCIAL_INSURANCE_NUMBER',
  'CREDIT_DEBIT_CARD_CVV',
  'CREDIT_DEBIT_CARD_EXPIRY',
  'CREDIT_DEBIT_CARD_NUMBER',
  'DRIVER_ID',
  'EMAIL',
  'INTERNATIONAL_BANK_ACCOUNT_NUMBER',
  'IP_ADDRESS',
  'LICENSE_PLATE',
  'MAC_ADDRESS',
  'NAME',
  'PASSWORD',
  'PHONE',
  'PIN',
  'SWIFT_CODE',
  'UK_NATIONAL_HEALTH_SERVICE_NUMBER',
  'UK_NATIONAL_INSURANCE_NUMBER',
  'UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER',
  'URL',
  'USERNAME',
  'US_BANK_ACCOUNT_NUMBER',
  'US_BANK_ROUTING_NUMBER',
  'US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER',
  'US_PASSPORT_NUMBER',
  'US_SOCIAL_SECURITY_NUMBER',
  'VEHICLE_IDENTIFICATION_NUMBER',
] as const

/**
 * Scores come in six steps, 0, 0.2 … 1. The user guide's examples have 0.6 and 0.8 for what fits a category and 0.2 for
 * what does not; 0.6 is the first step on the fitting side.
 */
const DEFAULT_SEVERITY = 0.6
/** How sure the service is that personal data stands there. What is masked needlessly costs less than what is not. */
const DEFAULT_CONFIDENCE = 0.4

const threshold = z.number().gt(0).max(1)
const severity = z.union([threshold, z.literal('off')]).default(DEFAULT_SEVERITY)

const contentFilterSchema = z.strictObject({
  HATE: severity.describe('Discrimination, dehumanisation.'),
  INSULTS: severity.describe('Demeaning, mocking, bullying.'),
  MISCONDUCT: severity.describe('Help with crime and fraud.'),
  SEXUAL: severity.describe('Sexual content.'),
  VIOLENCE: severity.describe('Glorification of violence, threats.'),
})

const promptAttackSchema = z.strictObject({
  JAILBREAK: severity.describe('Attempts to get round the model’s safety.'),
  PROMPT_INJECTION: severity.describe('Attempts to override its instructions.'),
  PROMPT_LEAKAGE: severity.describe('Attempts to get its instructions out.'),
})

const sensitiveInformationSchema = z.strictObject({
  entities: z
    .array(z.enum(ENTITIES))
    .default([])
    .refine(entities => new Set(entities).size === entities.length, 'must name each entity once')
    .describe('What to look for, such as EMAIL. None: not asked.'),
  threshold: threshold
    .default(DEFAULT_CONFIDENCE)
    .describe('The confidence from which on an entity flags a text.'),
})

export const configSchema = z
  .strictObject({
    kind: z.literal('bedrock-checks'),
    ...bedrockKeys(),
    content_filter: contentFilterSchema
      .prefault({})
      .describe(
        'The severity, above 0 to 1, from which on a category flags a text, or off. 0.6 unless given.',
      ),
    prompt_attack: promptAttackSchema
      .prefault({})
      .describe(
        'The severity, above 0 to 1, from which on an attack flags a text, or off. 0.6 unless given.',
      ),
    sensitive_information: sensitiveInformationSchema
      .prefault({})
      .describe('Personal data, which is found with its place.'),
    max_text_units: textUnitsSchema().describe(
      'Of 1000 characters, in one request. Longer conversations are split, into at most 20 requests; what the ' +
        'service finds too large is asked again in halves, within the 20.',
    ),
    ...serviceKeys(),
  })
  .superRefine((config, problems) => {
    checkBedrockAccess(config, problems)
    const { content_filter, prompt_attack, sensitive_information } = config
    const thresholds = Object.values({ ...content_filter, ...prompt_attack })
    if (sensitive_information.entities.length === 0 && thresholds.every(value => value === 'off')) {
      problems.addIssue({
        code: 'custom',
        path: ['content_filter'],
        message: 'must not be all off, without prompt_attack and entities: nothing would ever be flagged',
      })
    }
  })

export type BedrockChecksConfig = z.output<typeof configSchema>
