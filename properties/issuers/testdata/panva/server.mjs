// panva's oidc-provider at a free port of loopback, which it prints. The folder in which npm
// has installed it is the argument. It ends with its standard input.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const { default: Provider } = await import(pathToFileURL(join(process.argv[2], 'node_modules/oidc-provider/lib/index.js')).href);
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const grants = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];
  const provider = new Provider(issuer, {
    clients: [
      { client_id: 'native', token_endpoint_auth_method: 'none', application_type: 'native', grant_types: grants,
        response_types: ['code'], redirect_uris: ['http://127.0.0.1/callback'] },
    ],
    scopes: ['openid', 'offline_access', 'email'],
    cookies: { keys: ['throw-away'] },
    features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true }, revocation: { enabled: true } },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.resume().on('end', () => process.exit(0));
