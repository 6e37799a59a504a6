import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Lakera Guard v2, in the cloud or self-hosted. The policy of a Lakera project decides which detectors flag: prompt attacks, personal data, moderated content, unknown links, and detectors of your own.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  lakera:
    kind: lakera
    api_key: $env://LAKERA_API_KEY
    project_id: project-123
    metadata: { environment: production }
policies:
  - name: chat
    guardrails:
      - { use: lakera, direction: both, action: block }`,
    },
  ],
  sides: 'both',
  sends:
    'On input every message with its role (system, developer, user, assistant, tool). On output one assistant message for each choice, behind the messages of the request where the rule has `output_context: conversation`. Beside them `project_id`, your `metadata`, and the id of the exchange as `metadata.internal_request_id`; Weir asks for payload and breakdown.',
  finds:
    'Detectors as Lakera names them, in lower case, such as `prompt_attack`, `pii/email`, `moderated_content/hate`. The level is the detector’s `result`, from `l1_confident` to `l5_unlikely`; there is no score. Only `flagged` decides: a detector that detected something in an answer that is not flagged finds nothing.',
  redacts: {
    kind: 'sometimes',
    where:
      'Findings have a place when all that was detected is `pii/…`, and the payload has a match for each of them in each message. The unit of Lakera’s offsets is not documented, so they are believed only where the matched text stands there; else every occurrence of the match in its message is redacted, and where there is none the rule denies.',
  },
  limits:
    'At most `max_chars` (100000) characters in one request. Longer conversations are split in order, with an overlap of 200 characters inside of a text, into up to 20 requests. With `output_context: conversation` and both too long for one, the conversation is judged by itself, and its newest part stands before each part of the answer as well.',
  notes: [
    'Data regions differ in their host only: give the whole URL as `lakera_endpoint`. A self-hosted Lakera is `http://<host>:8000/v2/guard` and takes no key.',
    'Without `project_id` the default policy of the account judges, which is strict.',
  ],
  tried:
    'Written from Lakera’s reference and tested against a stub of it. It was never run against Lakera: the offsets of the payload and the largest request that it takes are the least certain.',
}
