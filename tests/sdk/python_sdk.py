"""The official Stripe package for Python, and the Standard Webhooks one, against a running Calmony Pay.

`make test-sdk` starts the server and runs this. CALMONY_URL and CALMONY_API_KEY say where it is.
"""

import http.server
import os
import pathlib
import queue
import subprocess
import threading
import time
import unittest
import uuid

import standardwebhooks
import stripe

URL, KEY = os.environ["CALMONY_URL"], os.environ["CALMONY_API_KEY"]
client = stripe.StripeClient(KEY, base_addresses={"api": URL})
customers = client.v1.customers
products = client.v1.products
endpoints = client.v1.webhook_endpoints
events = client.v1.events


def documented(section, language):
    """The program of a section of docs/RECEIVERS.md."""
    text = (pathlib.Path(__file__).parents[2] / "docs" / "RECEIVERS.md").read_text()
    return text.split(f"## {section}\n")[1].split(f"```{language}\n")[1].split("```")[0]


def error_of(call, *arguments, **named):
    """The error that a call raises."""
    try:
        call(*arguments, **named)
    except stripe.StripeError as error:
        return error
    raise AssertionError("it succeeded")


class Receiver:
    """A webhook receiver that keeps what it gets."""

    def __init__(self):
        self.got = queue.Queue()
        got = self.got

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                got.put((self.headers, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def next(self):
        return self.got.get(timeout=20)


class Customers(unittest.TestCase):
    def test_create_update_retrieve_delete(self):
        made = customers.create({
            "name": "Ada Lovelace", "email": "ada@example.com", "metadata": {"plan": "pro", "seats": "3"},
            "address": {"line1": "12 St James's Square", "city": "London"}, "preferred_locales": ["en", "de"],
        })
        self.assertIsInstance(made, stripe.Customer)
        self.assertTrue(made.id.startswith("cus_"))
        self.assertEqual(made.address.city, "London")
        self.assertIsNone(made.address.country)
        self.assertIsNone(made.phone)
        self.assertEqual(made.preferred_locales, ["en", "de"])
        changed = customers.update(made.id, {"name": "Ada", "email": "", "metadata": {"plan": "", "level": "5"}})
        self.assertEqual((changed.name, changed.email), ("Ada", None))
        self.assertEqual(changed.metadata.to_dict(), {"seats": "3", "level": "5"})
        self.assertEqual(customers.retrieve(made.id).name, "Ada")
        deleted = customers.delete(made.id)
        self.assertIs(deleted.deleted, True)
        self.assertIs(customers.retrieve(made.id).deleted, True)
        self.assertEqual(error_of(customers.update, made.id, {"name": "x"}).http_status, 404)

    def test_products(self):
        made = products.create({"name": "Gold", "images": ["https://example.com/1.png"], "active": True})
        self.assertEqual((made.object, made.active, made.type, made.default_price), ("product", True, "service", None))
        changed = products.update(made.id, {"active": False, "metadata": {"plan": "gold"}})
        self.assertEqual((changed.active, changed.metadata["plan"]), (False, "gold"))
        self.assertEqual([one.id for one in products.list({"ids": [made.id], "active": False})], [made.id])
        self.assertEqual(products.list({"ids": [made.id], "active": True}).data, [])
        self.assertIs(products.delete(made.id).deleted, True)

    def test_payment_methods(self):
        methods = client.v1.payment_methods
        made = methods.create({"type": "card", "card": {"token": "tok_visa"}})
        self.assertEqual((made.object, made.card.last4, made.customer), ("payment_method", "4242", None))
        customer = customers.create({"name": "Ada"})
        self.assertEqual(methods.attach(made.id, {"customer": customer.id}).customer, customer.id)
        default = {"invoice_settings": {"default_payment_method": made.id}}
        changed = customers.update(customer.id, default)
        self.assertEqual(changed.invoice_settings.default_payment_method, made.id)
        self.assertEqual([one.id for one in methods.list({"customer": customer.id})], [made.id])
        declined = methods.create({"type": "card", "card": {"token": "tok_visa_chargeDeclined"}})
        error = error_of(methods.attach, declined.id, {"customer": customer.id})
        self.assertIsInstance(error, stripe.CardError)
        self.assertEqual((error.http_status, error.code, error.error.decline_code), (402, "card_declined", "generic_decline"))
        self.assertEqual(methods.detach(made.id).customer, None)

    def test_auto_pagination_in_both_directions(self):
        mark = f"{uuid.uuid4()}@example.com"
        made = [customers.create({"name": f"c{n}", "email": mark}).id for n in range(25)]
        found = [one.id for one in customers.list({"email": mark, "limit": 10}).auto_paging_iter()]
        self.assertEqual(found, made[::-1])
        forwards = customers.list({"email": mark, "limit": 10, "ending_before": made[0]}).auto_paging_iter()
        self.assertEqual([one.id for one in forwards], made[1:])
        # Deleting what is paged through: the cursor is gone by then.
        for one in customers.list({"email": mark, "limit": 4}).auto_paging_iter():
            customers.delete(one.id)
        self.assertEqual(customers.list({"email": mark}).data, [])

    def test_search_finds_at_once_and_pages(self):
        mark = uuid.uuid4().hex
        made = [customers.create({"name": f"{mark} {n}", "metadata": {"mark": mark}}).id for n in range(12)]
        query = f"metadata['mark']:'{mark}' AND name~'{mark[:10]}'"
        found = customers.search({"query": query, "limit": 5})
        self.assertEqual(found.object, "search_result")
        self.assertEqual([one.id for one in found.auto_paging_iter()], made[::-1])
        self.assertEqual(customers.search({"query": f"{query} -name:'{mark} 3' created>0"}).data[0].id, made[-1])
        error = error_of(customers.search, {"query": "plan:'gold'"})
        self.assertIsInstance(error, stripe.InvalidRequestError)
        self.assertEqual(error.param, "query")

    def test_created_ranges(self):
        made = customers.create({})
        now = made.created
        ids = lambda created: [one.id for one in customers.list({"created": created, "limit": 100})]
        self.assertIn(made.id, ids({"gte": now, "lte": now}))
        self.assertIn(made.id, ids(now))
        self.assertNotIn(made.id, ids({"gt": now}))

    def test_errors_are_of_the_right_class(self):
        bad = stripe.StripeClient("sk_test_wrong", base_addresses={"api": URL})
        missing = error_of(customers.retrieve, "cus_nothing")
        self.assertIsInstance(missing, stripe.InvalidRequestError)
        self.assertEqual((missing.http_status, missing.code, missing.param), (404, "resource_missing", "id"))
        self.assertIn("No such customer: 'cus_nothing'", str(missing))
        self.assertTrue(missing.request_id.startswith("req_"))
        self.assertIsInstance(error_of(bad.v1.customers.list), stripe.AuthenticationError)
        unknown = error_of(customers.create, {"nickname": "x"})
        self.assertEqual((unknown.code, unknown.param), ("parameter_unknown", "nickname"))
        self.assertIn("Received unknown parameter: nickname", str(unknown))
        self.assertEqual(error_of(customers.list, {"limit": 101}).param, "limit")
        cursor = error_of(customers.list, {"starting_after": "cus_nothing"})
        self.assertEqual((cursor.http_status, cursor.param), (400, "starting_after"))

    def test_idempotent_retries(self):
        key = str(uuid.uuid4())
        first = customers.create({"name": "once"}, {"idempotency_key": key})
        again = customers.create({"name": "once"}, {"idempotency_key": key})
        self.assertEqual(first.id, again.id)
        self.assertEqual(again.last_response.headers["idempotent-replayed"], "true")
        reused = error_of(customers.create, {"name": "twice"}, {"idempotency_key": key})
        self.assertIsInstance(reused, stripe.IdempotencyError)

    def test_the_module_level_way(self):
        stripe.api_key, stripe.api_base = KEY, URL
        made = stripe.Customer.create(name="old way", metadata={"a": "1"})
        stripe.Customer.modify(made.id, metadata={"b": "2"})
        self.assertEqual(stripe.Customer.retrieve(made.id).metadata.to_dict(), {"a": "1", "b": "2"})
        self.assertIs(made.delete().deleted, True)


class Webhooks(unittest.TestCase):
    def setUp(self):
        self.receiver = Receiver()
        self.endpoint = endpoints.create({"url": self.receiver.url, "enabled_events": ["customer.created"]})

    def tearDown(self):
        endpoints.delete(self.endpoint.id)

    def test_endpoints(self):
        self.assertTrue(self.endpoint.secret.startswith("whsec_"))
        self.assertEqual(self.endpoint.status, "enabled")
        shown = endpoints.retrieve(self.endpoint.id)
        self.assertNotIn("secret", shown)
        changed = endpoints.update(self.endpoint.id, {"disabled": True, "description": "mine"})
        self.assertEqual((changed.status, changed.description), ("disabled", "mine"))
        self.assertIn(self.endpoint.id, [one.id for one in endpoints.list().auto_paging_iter()])
        self.assertEqual(error_of(endpoints.create, {"url": "nonsense", "enabled_events": ["*"]}).param, "url")

    def test_a_webhook_verifies_with_both_libraries(self):
        customers.create({"name": "Ada"})
        headers, body = self.receiver.next()
        event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], self.endpoint.secret)
        self.assertEqual((event.type, event.data.object.name), ("customer.created", "Ada"))
        self.assertIsInstance(event.data.object, stripe.Customer)
        lowered = {name.lower(): value for name, value in headers.items()}
        standardwebhooks.Webhook(self.endpoint.secret).verify(body, lowered)
        with self.assertRaises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body + b" ", headers["Stripe-Signature"], self.endpoint.secret)
        with self.assertRaises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(self.endpoint.secret).verify(body + b" ", lowered)
        self.assertEqual(lowered["webhook-id"], event.id)

    def test_the_receiver_of_the_documentation(self):
        customers.create({"name": "Ada"})
        headers, body = self.receiver.next()
        os.environ["WEBHOOK_SECRET"] = self.endpoint.secret
        program = {"__name__": "documented"}
        exec(documented("Python", "python"), program)
        browser = program["app"].test_client()
        sent = {"Stripe-Signature": headers["Stripe-Signature"]}
        self.assertEqual(browser.post("/hook", data=body, headers=sent).status_code, 204)
        self.assertEqual(browser.post("/hook", data=body + b" ", headers=sent).status_code, 400)

    def test_the_signature_without_a_library(self):
        customers.create({"name": "Zoë"})
        headers, body = self.receiver.next()
        told = {"ID": headers["webhook-id"], "TIMESTAMP": headers["webhook-timestamp"], "BODY": body.decode(),
                "SECRET": self.endpoint.secret}
        line = documented("Without a library", "sh")
        made = subprocess.run(["bash", "-c", line], env={**os.environ, **told}, capture_output=True, check=True, text=True)
        self.assertIn(f"v1,{made.stdout.strip()}", headers["webhook-signature"].split(" "))

    def test_events_tell_what_happened(self):
        made = customers.create({"name": "Grace"})
        customers.update(made.id, {"name": "Grace Hopper"})
        newest = events.list({"types": ["customer.updated"], "limit": 1}).data[0]
        self.assertEqual(newest.data.previous_attributes.to_dict(), {"name": "Grace"})
        self.assertEqual(events.retrieve(newest.id).id, newest.id)
        self.assertEqual(events.list({"type": "customer.*"}).data[0].id, newest.id)
        self.assertIsNotNone(newest.request.id)

    def test_what_was_missed_is_listed(self):
        """Stripe's recipe: page on from the last good event, those that weren't delivered."""
        last = events.list({"limit": 1}).data[0].id
        endpoints.update(self.endpoint.id, {"url": "http://127.0.0.1:9999/nobody"})
        made = customers.create({"name": "missed"})
        deadline = time.time() + 20
        while time.time() < deadline:
            missed = events.list({"ending_before": last, "delivery_success": False, "types": ["customer.created"]})
            if [one.data.object.id for one in missed.auto_paging_iter()] == [made.id]:
                return
        self.fail("it isn't listed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
