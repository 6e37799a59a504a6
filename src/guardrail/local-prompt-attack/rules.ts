import { OVERRIDES } from './override-rules.ts'
import type { Rule } from './rule.ts'
import { rule, words } from './rule.ts'

const HIDDEN_PROMPT =
  '(?:system|initial|original|hidden|secret|internal|developer|base|confidential|pre-?) ?(?:prompts?|instructions?|messages?|rules|guidelines|directives?)\\b'
const TELL =
  "\\b(?:reveal|print|repeat|show|display|output|leak|expose|dump|tell|give|share|write|return|disclose|recite|echo|copy|quote|summari[sz]e|translate|what (?:is|are|was|were)|what's)"
const BETWEEN =
  '(?: (?:me|us|back|out|to|of|all|the|full|entire|exact|complete|whole|verbatim|text|content|contents|word|for|your|own|very|first|and|everything|in)){0,7}'

/** Asking for what the operator told the model. */
const EXTRACTIONS: readonly Rule[] = [
  rule(
    'extract-yours',
    0.8,
    words(
      TELL,
      BETWEEN,
      ` your(?: (?:own|full|entire|exact|complete|whole|very|first)){0,3} ${HIDDEN_PROMPT}`,
    ),
  ),
  rule(
    'extract-the',
    0.6,
    words(
      `\\b(?:reveal|leak|repeat|recite|disclose|dump|expose|print|output)`,
      BETWEEN,
      ` system (?:prompt|message|instructions?)\\b(?!s? (?:template|file|variable|field|length|class|id|column|for|in|from|as))`,
    ),
  ),
  rule(
    'extract-plain',
    0.5,
    words(
      `\\b(?:reveal|leak|repeat|recite|disclose|dump|print|output|show me)`,
      BETWEEN,
      ' your(?: (?:own|full|entire|exact|complete|whole)){0,2} (?:instructions|prompt|directives|guidelines)\\b',
    ),
  ),
  rule(
    'extract-above',
    0.6,
    words(
      '\\b(?:repeat|print|output|echo|copy|recite)(?: (?:back|out|me|to))*? (?:everything|all(?: of)?(?: the)? (?:text|words|content|lines)|the (?:text|words|content|lines)) (?:above|before this)(?: (?:verbatim|word for word|starting|in a code|inside a code|exactly))?'.replace(
        '*?',
        '{0,2}',
      ),
    ),
  ),
]

const UNBOUND =
  '(?:restrictions?|limitations?|limits|filters?|rules|guidelines|constraints|morals|ethics|censorship|boundaries|safeguards|guardrails)\\b'

/** Giving the model another self that owes the rules nothing. */
const PERSONAS: readonly Rule[] = [
  rule('do-anything-now', 0.8, words('\\bdo anything now\\b')),
  rule(
    'dan-mode',
    0.75,
    words("\\bdan mode\\b|\\b(?:you are|you're|become) (?:now|going to act as|going to be)(?: an?)? dan\\b"),
  ),
  rule('dan', 0.45, words('\\b(?:act as|pretend to be|respond as|stay|you are)(?: an?)? dan\\b')),
  rule(
    'mode-strong',
    0.65,
    words(
      "\\b(?:jailbreak|jailbroken|unrestricted|unfiltered|uncensored|no-?restrictions?|evil) mode\\b|\\b(?:you are|you're)(?: now)? in (?:developer|debug|god|admin|sudo|maintenance) mode\\b|\\bwith developer mode (?:enabled|on|activated)\\b",
    ),
  ),
  rule(
    'mode-weak',
    0.35,
    words(
      '\\b(?:enable|enter|activate|switch to|turn on|simulate)(?: (?:the|a|your|into)){0,2} (?:developer|debug|god|admin|sudo|root|maintenance) mode\\b',
    ),
  ),
  rule(
    'unbound-self',
    0.8,
    words(
      `\\b(?:you are|you're|act as|pretend to be|play|become|roleplay as|behave like)(?: now)?(?: [\\w',-]{1,20}){1,7} (?:without|with no|free (?:of|from)|not bound by)(?: (?:any|all|your|the|of|usual|ethical|moral|safety|content)){0,4} ${UNBOUND}`,
    ),
  ),
  rule(
    'unbound-have',
    0.8,
    words(
      `\\b(?:pretend|imagine|assume|act as if|act like|suppose)(?: that)? you (?:have|had|are under|are free of|are not bound by)(?: (?:no|any|not|absolutely|ethical|moral|safety|content|bound|by)){0,4} ${UNBOUND}`,
    ),
  ),
  rule(
    'no-longer-bound',
    0.8,
    words(
      `\\byou(?: are|'re| will be)? (?:no longer|not) (?:bound|restricted|limited|constrained|governed) by\\b`,
    ),
  ),
  rule(
    'uncensored-self',
    0.7,
    words(
      "\\b(?:you are|you're|act as|pretend to be|become|roleplay as)(?: now)?(?: (?:an?|the|my|truly|completely|fully)){0,3} (?:unrestricted|uncensored|unfiltered|jailbroken|amoral|unethical|evil)(?: [\\w-]{1,20}){0,2} (?:ai|assistant|model|chatbot|bot|llm)\\b",
    ),
  ),
  rule('from-now-on', 0.25, words('\\bfrom now on,? you (?:will|must|are|shall|have to)\\b')),
]

/** Text that imitates the marks between turns. */
const FORGERIES: readonly Rule[] = [
  rule(
    'chatml-turn',
    0.9,
    words(
      '<\\|im_start\\|> ?(?:system|developer|assistant)\\b|<\\|start_header_id\\|> ?(?:system|developer|assistant)\\b|<\\|(?:system|developer)\\|>',
    ),
  ),
  rule(
    'chatml-mark',
    0.5,
    words(
      '<\\|(?:im_start|im_end|start_header_id|end_header_id|eot_id|begin_of_text|endoftext|endofprompt)\\|>',
    ),
  ),
  rule('llama-sys', 0.75, words('<</?sys>>')),
  rule('llama-inst', 0.55, words('\\[/?inst\\]')),
  rule(
    'heading-turn',
    0.6,
    words(
      '(?:^|\\n)#{2,6} ?(?:system|developer)(?: (?:prompt|message|override|instructions?|update))?:|(?:^|\\n)#{2,6} ?(?:system|developer) (?:override|update)\\b',
    ),
  ),
  rule(
    'heading-weak',
    0.3,
    words(
      '(?:^|\\n)#{2,6} ?(?:system(?: prompt| message| instructions?)?|(?:new )?instructions?:?) ?(?:\\n|$)',
    ),
  ),
  rule(
    'role-line',
    0.55,
    words(
      "(?:^|\\n)[\\[(<]?(?:system|developer|admin)(?: (?:message|prompt|override|notice|update|note))?[\\])>]? ?: ?(?:you (?:are|must|will)|ignore|disregard|forget|from now|new |do not|don't|all previous|override)",
    ),
  ),
  rule(
    'end-of-prompt',
    0.5,
    words(
      '\\bend(?: of)?(?: the)? (?:system |user )?(?:prompt|instructions|input)[\\])>*= -]{0,8}\\n?[\\[(<*= -]{0,8}(?:begin|start|new|system)\\b',
    ),
  ),
]

const DISARM =
  '\\b(?:bypass(?:ing)?|disabl(?:e|ing)|turn(?:ing)? off|override|overriding|circumvent(?:ing)?|evad(?:e|ing)|ignor(?:e|ing)|remov(?:e|ing)|deactivat(?:e|ing))'
const SAFETY =
  "(?:safety|content|ethical|ethics|moral|moderation|openai'?s?|anthropic'?s?|google'?s?)(?: (?:and|or|safety|content|ethical|moral|moderation|usage)){0,3} (?:guidelines|filters?|filtering|polic(?:y|ies)|restrictions|protocols?|guardrails|measures|mechanisms|training|checks|settings|rules|constraints|limits)\\b"

/** Talking the model out of its policy, or a document that talks to the model that reads it. */
const BYPASSES: readonly Rule[] = [
  rule(
    'disarm-yours',
    0.8,
    words(DISARM, `(?: (?:all|any|of|the)){0,2} your(?: (?:own|internal|built-?in|usual)){0,2} ${SAFETY}`),
  ),
  rule('disarm', 0.4, words(DISARM, `(?: (?:all|any|of|the)){0,3} ${SAFETY}`)),
  rule(
    'no-refusal',
    0.35,
    words(
      "\\b(?:you|and|must|will|should|can) (?:never|not|cannot|can't|won't) (?:refuse|decline|say no|reject)\\b|\\bwithout (?:refusing|refusal|any refusals?|(?:any )?(?:moral|ethical|safety) (?:warnings?|disclaimers?|lectures?))\\b",
    ),
  ),
  rule(
    'hide-from-user',
    0.4,
    words(
      "\\b(?:do not|don't|never|without) (?:tell|telling|inform|informing|mention(?:ing)?|alert(?:ing)?|notify(?:ing)?|reveal(?:ing)?)(?: (?:this|it|that|about|to|any|of)){0,4} (?:the )?user\\b",
    ),
  ),
  rule(
    'to-the-model',
    0.4,
    words(
      '\\bif you are an? (?:ai|llm|large language model|language model|ai (?:model|assistant|agent))\\b|\\b(?:important|attention|note|notice|message|instructions?)(?: (?:for|to))?:? ?(?:all |any |the )?(?:ai|llm)s?(?: (?:assistants?|agents?|models?))?(?: (?:reading|processing|summarizing) this)\\b',
    ),
  ),
]

/** In no order that matters: their weights add up as independent signs. */
export const RULES: readonly Rule[] = [...OVERRIDES, ...EXTRACTIONS, ...PERSONAS, ...FORGERIES, ...BYPASSES]
