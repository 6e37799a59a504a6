import { z } from 'zod'
import { assertNever } from '../errors.ts'
import { askService, type GuardrailDeps } from '../service/ask-service.ts'
import type { PostJson } from '../service/http-client.ts'
import { type ServiceConfig, serviceKeys } from '../service/service-config.ts'
import { azureContentSafety } from './azure-content-safety/azure-content-safety.ts'
import { bedrock } from './bedrock/bedrock.ts'
import { bedrockChecks } from './bedrock-checks/bedrock-checks.ts'
import type { Guardrail, LocalGuardrail, RemoteGuardrail } from './guardrail.ts'
import { keywords } from './keywords/keywords.ts'
import type { KindGuide } from './kind-guide.ts'
import { lakera } from './lakera/lakera.ts'
import { llmJudge } from './llm-judge/llm-judge.ts'
import { localLinks } from './local-links/local-links.ts'
import { localPii } from './local-pii/local-pii.ts'
import { localPromptAttack } from './local-prompt-attack/local-prompt-attack.ts'
import { localSecrets } from './local-secrets/local-secrets.ts'
import { modelArmor } from './model-armor/model-armor.ts'
import { openaiModeration } from './openai-moderation/openai-moderation.ts'
import { presidio } from './presidio/presidio.ts'
import { regex } from './regex/regex.ts'
import { webhook } from './webhook/webhook.ts'

/** What is known of a kind without a config: for the schema, for secrets, and for what may run without a network. */
export interface GuardrailKind {
  /** Strict, with `kind` as a literal. */
  readonly configSchema: z.ZodType
  /** Keys whose value may be a secret reference and is masked wherever the config is shown. */
  readonly secretKeys: readonly string[]
  /** Keys that name files, and the key of the list that their lines join. */
  readonly listFiles?: Readonly<Record<string, string>>
  readonly locality: Guardrail['locality']
  readonly guide: KindGuide
}

/** The keys that every kind with a service has beside its own. */
export const serviceKeysSchema = z.strictObject(serviceKeys())

/** The config of any one guardrail, told apart by `kind`. */
export const guardrailConfigSchema = z.discriminatedUnion('kind', [
  lakera.configSchema,
  bedrock.configSchema,
  bedrockChecks.configSchema,
  openaiModeration.configSchema,
  azureContentSafety.configSchema,
  modelArmor.configSchema,
  presidio.configSchema,
  webhook.configSchema,
  llmJudge.configSchema,
  keywords.configSchema,
  regex.configSchema,
  localPii.configSchema,
  localSecrets.configSchema,
  localPromptAttack.configSchema,
  localLinks.configSchema,
])

/** Parsed, its defaults filled in. */
export type GuardrailConfig = z.output<typeof guardrailConfigSchema>

/** Every kind by the name it has in the config. */
export const guardrailKinds: Readonly<Record<GuardrailConfig['kind'], GuardrailKind>> = {
  lakera,
  bedrock,
  'bedrock-checks': bedrockChecks,
  'openai-moderation': openaiModeration,
  'azure-content-safety': azureContentSafety,
  'model-armor': modelArmor,
  presidio,
  webhook,
  'llm-judge': llmJudge,
  keywords,
  regex,
  'local-pii': localPii,
  'local-secrets': localSecrets,
  'local-prompt-attack': localPromptAttack,
  'local-links': localLinks,
}

/**
 * Builds a guardrail from its parsed config, secrets resolved. `name` is its key in the config.
 * Throws WeirError `bad-config` for what only shows now, such as a resolved key that no header can carry.
 */
export function createGuardrail(name: string, config: GuardrailConfig, deps: GuardrailDeps): Guardrail {
  return 'timeout' in config
    ? askService(name, config, deps, postJson => createRemote(name, config, postJson))
    : createLocal(name, config)
}

type RemoteConfig = Extract<GuardrailConfig, ServiceConfig>
type LocalConfig = Exclude<GuardrailConfig, ServiceConfig>

function createRemote(name: string, config: RemoteConfig, postJson: PostJson): RemoteGuardrail {
  const deps = { postJson }
  switch (config.kind) {
    case 'lakera':
      return lakera.create(name, config, deps)
    case 'bedrock':
      return bedrock.create(name, config, deps)
    case 'bedrock-checks':
      return bedrockChecks.create(name, config, deps)
    case 'openai-moderation':
      return openaiModeration.create(name, config, deps)
    case 'azure-content-safety':
      return azureContentSafety.create(name, config, deps)
    case 'model-armor':
      return modelArmor.create(name, config, deps)
    case 'presidio':
      return presidio.create(name, config, deps)
    case 'webhook':
      return webhook.create(name, config, deps)
    case 'llm-judge':
      return llmJudge.create(name, config, deps)
    default:
      return assertNever(config)
  }
}

function createLocal(name: string, config: LocalConfig): LocalGuardrail {
  switch (config.kind) {
    case 'keywords':
      return keywords.create(name, config)
    case 'regex':
      return regex.create(name, config)
    case 'local-pii':
      return localPii.create(name, config)
    case 'local-secrets':
      return localSecrets.create(name, config)
    case 'local-prompt-attack':
      return localPromptAttack.create(name, config)
    case 'local-links':
      return localLinks.create(name, config)
    default:
      return assertNever(config)
  }
}
