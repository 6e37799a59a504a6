import type { Chapter } from './requirement.ts'

const REDACT = 'envoy/redact › action redact, Envoy in %s'
const DURING = 'envoy/during-call › mode during_call, Envoy in %s'
const REQUEST = 'exchange/request › a request in %s'
const RESTORE = 'exchange/restore › what was redacted from the request (%s)'

/** What redaction changes, and what it leaves. */
export const REDACTION: Chapter = {
  title: 'Redaction',
  requirements: [
    {
      id: 'redacted-first',
      says: 'Local rules redact before anybody else reads: guard services and the LLM see redacted text.',
      seen: 'outside',
      provedBy: [
        `${REDACT} › of a request, style %s: the upstream gets the placeholder and every other byte`,
        `${REQUEST} › shows a remote guardrail what local redaction left`,
        'exchange/window › a stream released by window, rules that scan by windows › shows remote rules what local ones have redacted, and only that',
      ],
    },
    {
      id: 'redaction-merges',
      says: 'Findings that overlap become one.',
      seen: 'inside',
      provedBy: ['unit/policy/redact › redaction › makes one of stretches that overlap, named by the first'],
    },
    {
      id: 'redaction-touches-text-alone',
      says: 'Of a body only its text changes; of a stream only the text of the events touched. All else stays byte for byte.',
      seen: 'outside',
      provedBy: [
        `${REDACT} › of a request, style %s: the upstream gets the placeholder and every other byte`,
        `${REDACT} › of a JSON answer: the text changes, and nothing else`,
        `${REDACT} › of a stream, delivery %s: across tokens, and every other event as it came`,
      ],
    },
    {
      id: 'redaction-is-the-same-however-cut',
      says: 'It is the same however the bytes and the tokens fall.',
      seen: 'inside',
      provedBy: [
        'exchange/window › for any cut of the bytes and any text › redaction gives the same text however the tokens and the bytes fall',
        'unit/policy/redact › a text cut into pieces anywhere is redacted as the whole is',
      ],
    },
    {
      id: 'restore',
      says: '`restore` gives the client its originals back; the LLM and the guards of the answer see placeholders only.',
      seen: 'outside',
      provedBy: [
        `${REDACT} › restore › gives a JSON answer its originals back; the upstream never sees them`,
        `${REDACT} › restore › works across the windows of a stream that is guarded too, delivery %s`,
        `${RESTORE} › is put back after the output was judged, which sees placeholders only`,
      ],
    },
    {
      id: 'restore-in-tool-arguments',
      says: 'In tool arguments it is escaped as JSON wants it.',
      seen: 'outside',
      provedBy: [
        `${REDACT} › restore › works inside tool arguments`,
        'exchange/restore › in tool arguments › it is escaped as JSON wants it: %s%s',
      ],
    },
    {
      id: 'restore-keeps-to-its-exchange',
      says: 'What is remembered for it is remembered for that exchange alone.',
      seen: 'outside',
      provedBy: [`${REDACT} › restore › keeps what it knows to its exchange`],
    },
  ],
}

/** When a rule is asked, and what it waits for. */
export const MODES: Chapter = {
  title: 'When a rule is asked',
  requirements: [
    {
      id: 'pre-call',
      says: 'A rule of mode `pre_call` (`direction: input`) judges the request before the LLM gets it, and is never asked about the answer; `post_call` (`direction: output`) the other way round.',
      seen: 'outside',
      provedBy: [
        'envoy/rule-modes › when a rule is asked, Envoy in %s › %s is asked about %s',
        'unit/config/compile › compile › %s judges %s',
      ],
    },
    {
      id: 'during-call',
      says: 'A rule of mode `during_call` judges the request while the LLM has it already; no byte of the response is out before the verdict.',
      seen: 'outside',
      provedBy: [
        `${DURING} › the upstream has the whole request while the guard still thinks`,
        `${DURING} › no byte of a response in %s is out before the verdict, and none after a denial`,
        `${DURING} › a guard that is down denies, or lets the response go with fail_open`,
      ],
    },
    {
      id: 'during-call-denied',
      says: 'A denial cancels the LLM and is the refusal of a request.',
      seen: 'outside',
      provedBy: [
        `${DURING} › a denial before the upstream answers cancels it and is the refusal of a request`,
      ],
    },
    {
      id: 'during-call-answers-too',
      says: 'Without `direction: input` such a rule judges the answer as well.',
      seen: 'outside',
      provedBy: [`${DURING} › without direction the response is judged as well`],
    },
    {
      id: 'mode-problems',
      says: '`mode` and `direction` exclude each other except with `during_call`, and `during_call` with `action: redact` is refused: the request has gone.',
      seen: 'inside',
      provedBy: ['unit/config/schema › a config that does not hold › %s'],
    },
    {
      id: 'local-first',
      says: 'Local guardrails run first; a guard service is asked only when they did not deny, and several of them at once.',
      seen: 'outside',
      provedBy: [
        'envoy/rule-modes › when a rule is asked, Envoy in %s › a guard service is not asked about what a local rule denies',
        `${REQUEST} › waits for a remote guardrail, and for the local ones to have passed it`,
        'protocol/parallel-guards › of two guard services, one flags and the other hangs › %s: the client is refused at once, and the other service is hung up on',
      ],
    },
    {
      id: 'latest-turn',
      says: 'A rule with `scan: latest_turn`, or with `roles`, sees that part of a conversation alone: what it once flagged does not block for ever.',
      seen: 'outside',
      provedBy: [
        `${DURING} › scan: latest_turn › an old flagged turn does not block the conversation for ever`,
        `${DURING} › scan: latest_turn › roles leave out what others said; a tool result is a message of its own`,
      ],
    },
  ],
}
