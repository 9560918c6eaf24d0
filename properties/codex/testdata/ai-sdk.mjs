// One turn through ai-sdk-provider-codex-cli, as a program that uses it does.
import { createCodexAppServer } from 'ai-sdk-provider-codex-cli';

const provider = createCodexAppServer({
  defaultSettings: { codexPath: process.env.CODEX_UNDER_TEST, cwd: process.cwd(), minCodexVersion: '0.100.0', env: { ...process.env } },
});
try {
  const answer = await provider('gpt-5.5').doGenerate({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }] });
  console.log(answer.content.filter((each) => each.type === 'text').map((each) => each.text).join(''));
} finally {
  await provider.close?.();
}
process.exit(0);
