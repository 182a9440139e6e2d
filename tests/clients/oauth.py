"""A published OAuth library (Authlib) against a running server: discovery, the code flow with PKCE through the pages, the
identity token against the published keys, userinfo, refreshing, revocation, a device, client credentials. No browser: the
pages are filled in over plain HTTP. Run by scripts/client-test, which sets the environment."""

import base64
import contextlib
import html.parser
import os
import urllib.parse

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.base_client.sync_openid import OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url

URL, PASSWORD = os.environ["BANDMASTER_URL"], os.environ["BANDMASTER_ADMIN_PASSWORD"]
ISSUER = f"{URL}/identity"
COMMAND_LINE = "36dea5b8-e8bb-423d-8e7b-c808df8f1c00"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
METADATA = requests.get(get_well_known_url(ISSUER, external=True), timeout=30).json()


class Page(html.parser.HTMLParser):
    """The form of a page with its hidden fields."""

    def __init__(self, text):
        super().__init__()
        self.action, self.fields, self.scripts = None, {}, 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        at = dict(attributes)
        if tag == "form":
            self.action = at["action"]
        elif tag == "input" and "name" in at:
            self.fields[at["name"]] = at.get("value", "")
        elif tag == "script":
            self.scripts += 1


class Browser(requests.Session):
    """Follows redirects within the server and stops where one leads to an application."""

    def go(self, method, address, **more):
        address = urllib.parse.urljoin(URL, address)
        answer = self.request(method, address, allow_redirects=False, timeout=30, **more)
        if answer.is_redirect:
            target = urllib.parse.urljoin(address, answer.headers["location"])
            return self.go("GET", target) if target.startswith(f"{URL}/") else target
        return answer

    def submit(self, answer, **values):
        page = Page(answer.text)
        assert page.action and not page.scripts, answer.text
        return self.go("POST", page.action, data={**page.fields, **values})


class Client(OpenIDMixin):
    """The library's checks of identity tokens, with the server's keys."""

    def __init__(self, client_id):
        self.client_id, self.server_metadata = client_id, dict(METADATA)

    def load_server_metadata(self):
        return self.server_metadata

    def _get_session(self):
        return OAuth2Session(self.client_id)


@contextlib.contextmanager
def refused(*errors):
    try:
        yield
    except OAuthError as error:
        assert error.error in errors, error
    else:
        raise AssertionError(f"expected {errors}")


def discovery():
    OpenIDProviderMetadata(METADATA).validate()
    assert METADATA["issuer"] == ISSUER, METADATA
    assert DEVICE in METADATA["grant_types_supported"], METADATA


def register(name, confidential, scopes):
    """Makes an external application as an administrator does."""
    admin = OAuth2Session(COMMAND_LINE)
    token = admin.fetch_token(
        METADATA["token_endpoint"], grant_type="password", username="admin", password=PASSWORD, scope="openid OrchestratorApiUserAccess"
    )
    organization = Client(COMMAND_LINE).parse_id_token(token, nonce=None)["prt_id"]
    body = {
        "partitionGlobalId": organization,
        "name": name,
        "isConfidential": confidential,
        "redirectUri": "http://localhost:9111/cb",
        "scopes": [{"name": s, "type": kind} for s in scopes for kind in ([0, 1] if confidential else [0])],
    }
    answer = admin.post(f"{ISSUER}/api/ExternalClient", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def code_flow(client_id, secret, redirect, scope, auth=None, asks=True):
    """Signs in through the pages; answers the library's session, which holds the tokens."""
    session = OAuth2Session(
        client_id, secret, scope=scope, redirect_uri=redirect, code_challenge_method="S256", token_endpoint_auth_method=auth,
        revocation_endpoint_auth_method=auth,
    )
    verifier, nonce = generate_token(64), generate_token(20)
    address, state = session.create_authorization_url(METADATA["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
    browser = Browser()
    page = browser.go("GET", address)
    wrong = browser.submit(page, username="admin", password="wrong")
    assert wrong.status_code == 400 and "Invalid username" in wrong.text, wrong.text
    back = browser.submit(page, username="admin", password=PASSWORD)
    if asks:
        assert "asks to act in your name" in back.text, back.text
        back = browser.submit(back, decision="allow")
    assert back.startswith(f"{redirect}?"), back
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["iss"] == [ISSUER], back
    endpoint = METADATA["token_endpoint"]
    token = session.fetch_token(endpoint, authorization_response=back, state=state, code_verifier=verifier)
    claims = Client(client_id).parse_id_token(token, nonce=nonce)
    assert claims["sub"] and claims["nonce"] == nonce and claims["aud"] == client_id, claims
    for broken in ({"nonce": "other"}, {"nonce": nonce, "id_token": tampered(token["id_token"])}):
        try:
            Client(client_id).parse_id_token({**token, **{k: v for k, v in broken.items() if k != "nonce"}}, nonce=broken["nonce"])
        except Exception as error:
            assert type(error).__module__.startswith("joserfc"), error
        else:
            raise AssertionError("the library takes anything")
    known = session.get(METADATA["userinfo_endpoint"]).json()
    assert known["sub"] == claims["sub"], known
    # A code is good for one use; what came of it ends when it is shown again.
    with refused("invalid_grant"):
        OAuth2Session(client_id, secret, redirect_uri=redirect, token_endpoint_auth_method=auth).fetch_token(
            endpoint, authorization_response=back, state=state, code_verifier=verifier
        )
    assert session.get(METADATA["userinfo_endpoint"]).status_code == 401
    with refused("invalid_grant"):
        session.refresh_token(endpoint)
    # Once more in the same browser, which is signed in; a wrong verifier gets nothing.
    for given, fits in (("w" * 43, False), (verifier, True)):
        address, state = session.create_authorization_url(METADATA["authorization_endpoint"], code_verifier=verifier)
        back = browser.go("GET", address)
        if not isinstance(back, str):
            back = browser.submit(back, decision="allow")
        if fits:
            session.fetch_token(endpoint, authorization_response=back, state=state, code_verifier=given)
        else:
            with refused("invalid_grant"):
                session.fetch_token(endpoint, authorization_response=back, state=state, code_verifier=given)
    return session


def tampered(token):
    head, body, signature = token.split(".")
    text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).replace(b'"email"', b'"eMail"').replace(b'"sub":"', b'"sub":"0')
    return ".".join([head, base64.urlsafe_b64encode(text).decode().rstrip("="), signature])


def refreshing_and_revoking(session):
    endpoint, userinfo = METADATA["token_endpoint"], METADATA["userinfo_endpoint"]
    first = session.token["refresh_token"]
    second = session.refresh_token(endpoint)["refresh_token"]
    assert second != first and session.get(userinfo).status_code == 200
    answer = session.revoke_token(METADATA["revocation_endpoint"], token=second, token_type_hint="refresh_token")
    assert answer.status_code == 200, answer.text
    with refused("invalid_grant"):
        session.refresh_token(endpoint, refresh_token=second)
    assert requests.get(userinfo, headers={"Authorization": f"Bearer {session.token['access_token']}"}, timeout=30).status_code == 401


def stolen_refresh_token(session):
    """A refresh token that is used twice ends its family."""
    endpoint = METADATA["token_endpoint"]
    first = session.token["refresh_token"]
    second = session.refresh_token(endpoint)["refresh_token"]
    for token in (first, second):
        with refused("invalid_grant"):
            session.refresh_token(endpoint, refresh_token=token)


def device(client_id, secret, scope):
    session = OAuth2Session(client_id, secret, scope=scope)
    fields = {"client_id": client_id, "scope": scope, **({"client_secret": secret} if secret else {})}
    for decision in ("deny", "allow"):
        answer = requests.post(METADATA["device_authorization_endpoint"], data=fields, timeout=30)
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store", answer.text
        codes = answer.json()
        poll = {"grant_type": DEVICE, "device_code": codes["device_code"]}
        with refused("authorization_pending"):
            session.fetch_token(METADATA["token_endpoint"], **poll)
        with refused("slow_down"):
            session.fetch_token(METADATA["token_endpoint"], **poll)
        browser = Browser()
        complete = decision == "allow"
        page = browser.go("GET", codes["verification_uri_complete" if complete else "verification_uri"])
        page = browser.submit(page, username="admin", password=PASSWORD)
        typed = Page(page.text).fields["user_code"] if complete else codes["user_code"].lower().replace("-", " ")
        question = browser.submit(page, user_code=typed)
        assert codes["user_code"] in question.text and "just begun it yourself" in question.text, question.text
        done = browser.submit(question, decision=decision)
        assert done.status_code == 200, done.text
        if decision == "deny":
            with refused("access_denied"):
                session.fetch_token(METADATA["token_endpoint"], **poll)
        else:
            token = session.fetch_token(METADATA["token_endpoint"], **poll)
            Client(client_id).parse_id_token(token, nonce=None)
            assert session.get(METADATA["userinfo_endpoint"]).status_code == 200
            with refused("invalid_grant"):
                OAuth2Session(client_id, secret).fetch_token(METADATA["token_endpoint"], **poll)


def client_credentials(made):
    for auth in ("client_secret_basic", "client_secret_post"):
        session = OAuth2Session(made["id"], made["secret"], scope="OR.Queues", token_endpoint_auth_method=auth)
        token = session.fetch_token(METADATA["token_endpoint"], grant_type="client_credentials")
        assert token["scope"] == "OR.Queues" and "refresh_token" not in token, sorted(token)
        shown = session.introspect_token(METADATA["introspection_endpoint"], token=token["access_token"]).json()
        assert shown["active"] is True and shown["client_id"] == made["id"], shown
        # The application has no roles in any tenant: the token is understood, and opens nothing.
        answer = session.get(f"{URL}/odata/QueueDefinitions")
        assert answer.status_code == 403, answer.text
        with refused("invalid_scope"):
            session.fetch_token(METADATA["token_endpoint"], grant_type="client_credentials", scope="OR.Assets")
        with refused("invalid_client"):
            OAuth2Session(made["id"], "wrong", token_endpoint_auth_method=auth).fetch_token(
                METADATA["token_endpoint"], grant_type="client_credentials"
            )


discovery()
everything = "openid profile email offline_access OrchestratorApiUserAccess"
session = code_flow(COMMAND_LINE, None, "http://localhost:8104/oidc/login", everything, asks=False)
assert session.get(f"{URL}/odata/Folders").status_code == 200
refreshing_and_revoking(session)
some = "openid profile email offline_access OR.Queues"
confidential = register("authlib", True, ["OR.Queues"])
for auth in ("client_secret_basic", "client_secret_post"):
    # The first time asks; the answer of a confidential application is remembered.
    asks = auth == "client_secret_basic"
    session = code_flow(confidential["id"], confidential["secret"], "http://localhost:9111/cb", some, auth, asks)
    refreshing_and_revoking(session) if asks else stolen_refresh_token(session)
public = register("authlib-public", False, ["OR.Queues"])
refreshing_and_revoking(code_flow(public["id"], None, "http://localhost:9111/cb", some))
device(COMMAND_LINE, None, everything)
device(confidential["id"], confidential["secret"], some)
device(public["id"], None, some)
client_credentials(confidential)
print("the OAuth library: done")
