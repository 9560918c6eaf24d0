// panva's oidc-provider at a free port of loopback, which it prints. The folder in which npm
// has installed it is the argument. A person who logs in is ada, and allows everything without
// a page. After a request of /a-day-passes it is a day later there. It ends with its standard
// input.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const { default: Provider } = await import(pathToFileURL(join(process.argv[2], 'node_modules/oidc-provider/lib/index.js')).href);
const real = Date.now;
let later = 0;
Date.now = () => real() + later;
const key = randomBytes(32);
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const common = {
    application_type: 'native', response_types: ['code'], redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  };
  const provider = new Provider(issuer, {
    clients: [
      { ...common, client_id: 'native', token_endpoint_auth_method: 'none' },
      { ...common, client_id: 'basic', token_endpoint_auth_method: 'client_secret_basic', client_secret: 's:e&cret+%' },
      { ...common, client_id: 'post', token_endpoint_auth_method: 'client_secret_post', client_secret: 's:e&cret+%' },
    ],
    scopes: ['openid', 'offline_access', 'email'],
    claims: { openid: ['sub'], email: ['email'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['throw-away'] },
    rotateRefreshToken: true,
    ttl: { AccessToken: 60, RefreshToken: 3600, DeviceCode: 300, IdToken: 60, Grant: 3600, Session: 3600, Interaction: 600, AuthorizationCode: 60 },
    features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true }, revocation: { enabled: true },
      resourceIndicators: { // their access tokens are JWE that only the resource can read
        enabled: true, useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: 'openid', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' }, encrypt: { alg: 'dir', enc: 'A256GCM', key } } }),
      },
    },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  });
  provider.use(async (ctx, next) => {
    if (ctx.path === '/a-day-passes') {
      later += 24 * 3600 * 1000;
      ctx.body = '';
      return;
    }
    if (!ctx.path.startsWith('/interaction/')) return next();
    const { prompt, params } = await provider.interactionDetails(ctx.req, ctx.res);
    if (prompt.name === 'login') return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: 'ada' } });
    const grant = new provider.Grant({ accountId: 'ada', clientId: params.client_id });
    grant.addOIDCScope(params.scope || 'openid');
    for (const resource of [params.resource ?? []].flat()) grant.addResourceScope(resource, 'openid');
    return provider.interactionFinished(ctx.req, ctx.res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.resume().on('end', () => process.exit(0));
