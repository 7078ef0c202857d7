"""Payments by the official Stripe package for Python, against a running Calmony Pay and its sandbox processor.

`make test-sdk` starts the server and runs this. CALMONY_URL and CALMONY_API_KEY say where it is.
"""

import os
import unittest
import uuid

import stripe

client = stripe.StripeClient(os.environ["CALMONY_API_KEY"], base_addresses={"api": os.environ["CALMONY_URL"]})
intents = client.v1.payment_intents


def error_of(call, *arguments, **named):
    """The error that a call raises."""
    try:
        call(*arguments, **named)
    except stripe.StripeError as error:
        return error
    raise AssertionError("it succeeded")


class Payments(unittest.TestCase):
    def test_an_intent_is_confirmed_and_given_back_in_parts(self):
        made = intents.create({
            "amount": 1999, "currency": "usd", "payment_method_types": ["card"], "metadata": {"order": "7"},
        })
        self.assertIsInstance(made, stripe.PaymentIntent)
        self.assertEqual((made.status, made.amount_received), ("requires_payment_method", 0))
        self.assertTrue(made.client_secret.startswith(f"{made.id}_secret_"))
        paid = intents.confirm(made.id, {"payment_method": "pm_card_visa"})
        self.assertEqual((paid.status, paid.amount_received), ("succeeded", 1999))
        shown = intents.retrieve(made.id, {"expand": ["latest_charge", "payment_method"]})
        self.assertIsInstance(shown.latest_charge, stripe.Charge)
        self.assertEqual(shown.latest_charge.payment_method_details.card.last4, "4242")
        self.assertEqual(shown.payment_method.card.brand, "visa")
        refund = client.v1.refunds.create({"payment_intent": made.id, "amount": 999, "reason": "duplicate"})
        self.assertEqual((refund.object, refund.status, refund.amount), ("refund", "succeeded", 999))
        client.v1.refunds.create({"charge": shown.latest_charge.id})
        charge = client.v1.charges.retrieve(shown.latest_charge.id)
        self.assertEqual((charge.refunded, charge.amount_refunded), (True, 1999))
        error = error_of(client.v1.refunds.create, {"payment_intent": made.id})
        self.assertEqual((error.http_status, error.code), (400, "charge_already_refunded"))
        refunds = client.v1.refunds.list({"payment_intent": made.id})
        self.assertEqual([one.amount for one in refunds], [1000, 999])

    def test_a_hold_is_captured_or_canceled(self):
        def hold():
            return intents.create({
                "amount": 5000, "currency": "eur", "capture_method": "manual", "confirm": True,
                "payment_method": "pm_card_mastercard",
            })
        held = hold()
        self.assertEqual((held.status, held.amount_capturable), ("requires_capture", 5000))
        taken = intents.capture(held.id, {"amount_to_capture": 1500})
        self.assertEqual((taken.status, taken.amount_received, taken.amount_capturable), ("succeeded", 1500, 0))
        error = error_of(intents.capture, held.id)
        self.assertEqual((error.code, error.error.payment_intent.id), ("payment_intent_unexpected_state", held.id))
        canceled = intents.cancel(hold().id, {"cancellation_reason": "requested_by_customer"})
        self.assertEqual((canceled.status, canceled.cancellation_reason), ("canceled", "requested_by_customer"))

    def test_a_decline_is_a_card_error_with_the_whole_intent(self):
        key = str(uuid.uuid4())
        params = {
            "amount": 1999, "currency": "usd", "confirm": True,
            "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds",
        }
        error = error_of(intents.create, params, {"idempotency_key": key})
        self.assertIsInstance(error, stripe.CardError)
        self.assertEqual((error.http_status, error.code), (402, "card_declined"))
        self.assertEqual(error.error.decline_code, "insufficient_funds")
        self.assertIn("insufficient funds", error.user_message)
        intent, method = error.error.payment_intent, error.error.payment_method
        self.assertIsInstance(intent, stripe.PaymentIntent)
        self.assertEqual((intent.status, intent.payment_method), ("requires_payment_method", None))
        self.assertEqual((method.object, method.id), ("payment_method", intent.last_payment_error.payment_method.id))
        self.assertEqual(error.error.charge, intent.latest_charge)
        again = error_of(intents.create, params, {"idempotency_key": key})
        self.assertEqual(again.error.payment_intent.id, intent.id, "the key's answer is the decline")
        paid = intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
        self.assertEqual(paid.status, "succeeded")

    def test_a_saved_method_is_charged_without_the_buyer(self):
        customer = client.v1.customers.create({"name": "Ada"})
        set_up = client.v1.setup_intents.create({
            "customer": customer.id, "payment_method": "pm_card_visa", "confirm": True, "usage": "off_session",
        })
        self.assertEqual((set_up.object, set_up.status), ("setup_intent", "succeeded"))
        saved = client.v1.customers.payment_methods.list(customer.id).data
        self.assertEqual([one.id for one in saved], [set_up.payment_method])
        shown = client.v1.customers.payment_methods.retrieve(customer.id, set_up.payment_method)
        self.assertEqual(shown.customer, customer.id)
        off_session = {
            "amount": 700, "currency": "usd", "customer": customer.id, "off_session": True, "confirm": True,
        }
        paid = intents.create({**off_session, "payment_method": set_up.payment_method})
        self.assertEqual(paid.status, "succeeded")
        # One that attaches, and then is declined; and one that asks for its buyer.
        for card, code in [("pm_card_chargeCustomerFail", "card_declined"),
                           ("pm_card_authenticationRequired", "authentication_required")]:
            method = client.v1.payment_methods.attach(card, {"customer": customer.id})
            error = error_of(intents.create, {**off_session, "payment_method": method.id})
            self.assertEqual((error.http_status, error.code), (402, code))
            self.assertEqual(error.error.payment_intent.status, "requires_payment_method")
            self.assertEqual(error.error.payment_method.id, method.id)
        declined = error_of(client.v1.setup_intents.create, {
            "customer": customer.id, "payment_method": "pm_card_chargeDeclined", "confirm": True,
        })
        self.assertEqual((declined.http_status, declined.error.setup_intent.payment_method), (402, None))

    def test_a_customer_comes_with_a_method(self):
        customer = client.v1.customers.create({
            "payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"},
        })
        default = customer.invoice_settings.default_payment_method
        paid = intents.create({"amount": 700, "currency": "usd", "customer": customer.id, "confirm": True})
        self.assertEqual((paid.status, paid.payment_method), ("succeeded", default))
        client.v1.customers.delete(customer.id)
        self.assertIsNone(client.v1.payment_methods.retrieve(default).customer)

    def test_a_challenge_is_a_page(self):
        made = intents.create({
            "amount": 700, "currency": "usd", "confirm": True, "payment_method": "pm_card_authenticationRequired",
            "return_url": "https://example.com/back",
        })
        self.assertEqual((made.status, made.next_action.type), ("requires_action", "redirect_to_url"))
        self.assertTrue(made.next_action.redirect_to_url.url.startswith("http"))
        self.assertEqual(intents.cancel(made.id).status, "canceled")

    def test_search(self):
        mark = uuid.uuid4().hex
        made = [intents.create({"amount": amount, "currency": "usd", "metadata": {"mark": mark}}).id
                for amount in (1000, 2000, 3000)]
        found = intents.search({"query": f"metadata['mark']:'{mark}' AND amount>=2000", "limit": 1})
        self.assertEqual([one.id for one in found.auto_paging_iter()], [made[2], made[1]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
