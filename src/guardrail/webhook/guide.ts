import type { KindExample, KindGuide } from '../kind-guide.ts'

const POLICY = `policies:
  - name: chat
    guardrails:
      - { use: guard, direction: both, action: block }`

const EXAMPLES: readonly KindExample[] = [
  {
    title:
      '`generic`: `{"input", "model", "phase"}`, answered by one of `allowed`, `flagged`, `blocked`, with optional `categories` and `scores`.',
    yaml: `guardrails:
  guard:
    kind: webhook
    dialect: generic
    url: https://guard.example.com/judge
    api_key: $env://GUARD_API_KEY
${POLICY}`,
  },
  {
    title: '`agentgateway`: the guardrail webhook of agentgateway, kgateway and Gloo.',
    yaml: `guardrails:
  guard:
    kind: webhook
    dialect: agentgateway
    url: https://guard.example.com/guard      # /request and /response are added
    headers: { x-tenant: $env://GUARD_TENANT }
    api_key: $env://GUARD_API_KEY
${POLICY}`,
  },
  {
    title: '`litellm`: LiteLLM’s Generic Guardrail API, which many guard servers speak.',
    yaml: `guardrails:
  guard:
    kind: webhook
    dialect: litellm
    url: https://guard.example.com            # /beta/litellm_basic_guardrail_api is added
    api_key: $env://GUARD_API_KEY             # sent as x-api-key
    params: { threshold: 0.8 }
${POLICY}`,
  },
  {
    title: '`portkey`: Portkey’s webhook guardrail.',
    yaml: `guardrails:
  guard:
    kind: webhook
    dialect: portkey
    url: https://guard.example.com/hook
    api_key: $env://GUARD_API_KEY
${POLICY}`,
  },
  {
    title: '`template`: any service that takes JSON and answers JSON.',
    yaml: `guardrails:
  guard:
    kind: webhook
    dialect: template
    url: https://guard.example.com/v3/check
    api_key: $env://GUARD_API_KEY
    request:
      direction: "\${side}"
      content: "\${text}"
      turns: "\${messages}"
      options: { strict: true }
    response:
      flagged: /result/decision
      flagged_values: [deny]
      clean_values: [allow]
      score: /result/risk
      categories: /labels
      request_id: /id
${POLICY}`,
  },
]

export const guide: KindGuide = {
  summary:
    'Guard services that speak a webhook of other gateways, or any that takes and answers JSON, described by the config.',
  examples: EXAMPLES,
  sides: 'both',
  sends: `\`generic\` and \`portkey\` get all texts joined by line breaks, \`portkey\` a list of messages with roles beside them; \`agentgateway\` a list of messages with roles, or of choices; \`litellm\` a list of texts, and on input their roles; \`template\` what it asks for. What was asked goes with an answer to \`portkey\`, and to \`template\` in \`\${messages}\`, where the rule has \`output_context: conversation\`. \`generic\` and \`litellm\` get the model that the request names, \`litellm\` a random id for each request. Your \`headers\` and \`params\` are sent as they are.`,
  finds:
    '`generic`: its `categories`, with the score that `scores` has for each. `template`: what `categories` points at, with the `score`. Else `webhook`, without a score. Names that do not look like names are left out, and reasons, which are free text, are not read.',
  redacts: {
    kind: 'sometimes',
    where:
      'With `agentgateway`, `litellm` and `portkey`, where the service sends the texts back masked, the words that it took out have a place. A text in which it only put something in, another number of texts, and a plain denial have none. `generic` and `template` never have one.',
  },
  limits:
    'At most `max_chars` characters in one request, 16000 with `generic` and 100000 with the others, up to 20 requests.',
  failures:
    'An answer that is not exactly one of the dialect’s is `bad-response`, also where the gateway that the dialect comes from would take it for a pass.',
  notes: [
    'Weir redacts by its own `redact` settings; the service’s replacement text is not used.',
    '`api_key` goes as a Bearer token in `authorization`, or as it is in the header that `api_key_header` names; with `litellm` in `x-api-key`.',
  ],
  tried:
    'The dialects were written from the documentation and source of those gateways and tested against stubs. They were never run against a guard server of somebody else.',
}
