"""An adapter of a payment processor in memory, to start from: python3 processor.py PORT SECRET

It keeps every rule of `calmony processor check`. A real one keeps its books on disk, and writes down that it
is about to call the acquirer before it does.
"""
import hmac, json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

FIELDS = {"authorize": {"key": str, "method": str, "amount": int, "currency": str, "capture": bool,
                        "off_session": bool},
          "capture": {"key": str, "reference": str, "amount": int},
          "refund": {"key": str, "reference": str, "amount": int},
          "void": {"key": str},
          "attach": {"key": str, "method": str, "on_session": bool}}
OPTIONAL = {"authorize": {"return_url"}, "attach": {"return_url"}, "void": {"reference", "of_key"}}
CARD = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "funding": "credit",
        "country": "US", "fingerprint": "f1", "three_d_secure": False, "cvc_check": None}
LOCK = threading.Lock()  # One operation at a time: that is what makes "once" true.
ASKED, DONE, HOLDS = {}, {}, {}  # by key: the request, the operation; by reference: the money


class Wrong(Exception):
    """A request that is refused: nothing was done."""


def approved(request, reference, amount):
    return {"key": request["key"], "reference": reference, "outcome": "approved", "amount": amount}


def declined(request, code):
    return {"key": request["key"], "reference": None, "outcome": "declined", "decline": {"code": code}}


def check(request):
    """Refuses what isn't a request of the protocol."""
    kind = request.get("kind") if isinstance(request, dict) else None
    if kind not in FIELDS:
        raise Wrong(400, "invalid")
    wanted, rest = FIELDS[kind], set(request) - set(FIELDS[kind]) - {"kind"}
    is_void = kind != "void" or len(rest) == 1
    if rest - OPTIONAL.get(kind, set()) or not is_void or any(
            type(request.get(name)) is not kind_of for name, kind_of in wanted.items()):
        raise Wrong(400, "invalid")
    if "amount" in wanted and request["amount"] <= 0:
        raise Wrong(400, "invalid")


def perform(request):
    """The operation of a request, once for its key."""
    check(request)
    key = request["key"]
    if key in DONE:
        if ASKED[key] not in (None, request):  # None: it was voided before it came
            raise Wrong(409, "key_conflict")
        return DONE[key]
    operation = globals()[request["kind"]](request)
    ASKED[key], DONE[key] = request, operation
    return operation


def authorize(request):
    if not request["method"].startswith("method_"):
        raise Wrong(404, "no_such_method")
    if request["method"] == "method_declined":
        return declined(request, "card_declined")
    reference, amount = f"auth_{len(HOLDS) + 1}", request["amount"]
    HOLDS[reference] = {"held": 0 if request["capture"] else amount, "captured": request["capture"],
                        "taken": amount if request["capture"] else 0}
    return approved(request, reference, amount)


def capture(request):
    hold = hold_of(request["reference"])
    if hold["captured"]:
        return declined(request, "charge_already_captured")
    if request["amount"] > hold["held"]:
        return declined(request, "amount_too_large" if hold["held"] else "charge_expired_for_capture")
    hold.update(captured=True, held=0, taken=request["amount"])
    return approved(request, request["reference"], request["amount"])


def refund(request):
    hold = hold_of(request["reference"])
    if request["amount"] > hold["taken"]:
        return declined(request, "amount_too_large" if hold["taken"] else "charge_already_refunded")
    hold["taken"] -= request["amount"]
    return approved(request, request["reference"], request["amount"])


def void(request):
    reference = request.get("reference")
    if reference is None:
        of = request["of_key"]
        if of not in DONE:  # The late original is refused from now on.
            ASKED[of], DONE[of] = None, {"key": of, "reference": None, "outcome": "never"}
        reference = DONE[of]["reference"]
        if reference is None:
            return {"key": request["key"], "reference": None, "outcome": "never"}
    hold = hold_of(reference)
    amount = hold["held"] + (hold["taken"] if "of_key" in request else 0)
    hold.update(held=0, taken=0 if "of_key" in request else hold["taken"])
    return approved(request, reference, amount)


def attach(request):
    if not request["method"].startswith("method_"):
        raise Wrong(404, "no_such_method")
    return approved(request, None, 0)


def hold_of(reference):
    if reference not in HOLDS:
        raise Wrong(404, "no_such_reference")
    return HOLDS[reference]


def method(request):
    sources = {"pm_card_visa": "method_visa", "pm_card_visa_chargeDeclined": "method_declined"}
    if not isinstance(request, dict) or not isinstance(request.get("source"), str):
        raise Wrong(400, "invalid")  # The numbers of cards are never taken here.
    if request["source"] not in sources:
        raise Wrong(404, "no_such_source")
    return {"token": sources[request["source"]], "card": CARD}


def capabilities():
    return {"protocol": 1, "name": "example", "sandbox": True, "key_seconds": 86400, "hold_seconds": 604800}


def inquire(path):
    key = unquote(path.removeprefix("/v1/operations/"))
    if path.startswith("/v1/operations/") and key in DONE:
        return DONE[key]
    raise Wrong(404, "never_seen" if path.startswith("/v1/operations/") else "no_such_route")


class Adapter(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), 65536))
        try:
            secret = self.headers.get("authorization") or ""
            if not hmac.compare_digest(secret.encode(), f"Bearer {sys.argv[2]}".encode()):
                raise Wrong(401, "unauthorized")
            with LOCK:
                status, answer = 200, self.route(body)
        except Wrong as wrong:
            status, code = wrong.args
            answer = {"error": {"code": code, "message": f"Refused: {code}."}}
        except ValueError:
            status, answer = 400, {"error": {"code": "invalid", "message": "This is no JSON."}}
        answer = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        try:
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True  # Nobody heard it. An inquiry tells.

    def route(self, body):
        if self.command == "GET":
            return capabilities() if self.path == "/v1/capabilities" else inquire(self.path)
        routes = {"/v1/operations": perform, "/v1/methods": method}
        if self.path not in routes:
            raise Wrong(404, "no_such_route")
        return routes[self.path](json.loads(body))

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass  # Neither keys nor secrets are logged.


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Adapter)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
