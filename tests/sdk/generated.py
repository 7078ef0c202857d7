"""Clients for Python that are generated from the contract, against a running Calmony Pay.

`make test-sdk` generates them (openapi-generator: `generator_client`, openapi-python-client: `python_client`), starts the server
and runs this. CALMONY_URL and CALMONY_API_KEY say where it is.
"""

import copy
import json
import os
import unittest
import urllib.request
import uuid

import generator_client
import python_client.models
from generator_client.models.event import Event
from python_client.api.customers import get_v1_customers, get_v1_customers_id, post_v1_customers, post_v1_customers_id
from python_client.api.events import get_v1_events
from python_client.api.webhook_endpoints import post_v1_webhook_endpoints

URL, KEY = os.environ["CALMONY_URL"], os.environ["CALMONY_API_KEY"]
HOOK = "http://127.0.0.1:9009/hook"


def answer(path):
    """What the server answers, without any client."""
    request = urllib.request.Request(URL + path, headers={"authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def of_tomorrow(value):
    """An answer as a later version may send it: every object has a field more."""
    if isinstance(value, list):
        return [of_tomorrow(one) for one in value]
    if isinstance(value, dict) and value and "object" in value:
        return {**{name: of_tomorrow(one) for name, one in value.items()}, "new_field": {"x": 1}}
    return value


def customer_of_tomorrow(customer):
    """A customer with values and lengths that nobody knows yet."""
    later = of_tomorrow(copy.deepcopy(customer))
    later |= {"tax_exempt": "sometimes", "currency": "eur", "default_source": "pm_1", "discount": {"percent_off": 5}}
    later["address"] = {**later["address"], "line1": "x" * 6000, "line3": "new"}
    later["metadata"] = {"long": "x" * 600}
    return later


def event_of_tomorrow(event):
    """An event of a type, a version and an object that nobody knows yet."""
    later = of_tomorrow(copy.deepcopy(event))
    later |= {"type": "thing.created", "api_version": "2027-01-01.fennel"}
    later["data"] = {"object": {"object": "thing", "id": "thing_1", "size": 3}, "new_field": None}
    return later


class OpenapiGenerator(unittest.TestCase):
    def setUp(self):
        client = generator_client.ApiClient(generator_client.Configuration(host=URL, access_token=KEY))
        self.customers = generator_client.CustomersApi(client)
        self.endpoints = generator_client.WebhookEndpointsApi(client)
        self.events = generator_client.EventsApi(client)

    def test_customers(self):
        mark = f"{uuid.uuid4()}@example.com"
        params = generator_client.CustomerCreateParams(
            name="Ada", email=mark, metadata={"plan": "pro"}, preferred_locales=["en", "de"],
            address=generator_client.CustomerCreateParamsAddress(city="London"), tax_exempt="exempt",
        )
        made = self.customers.post_v1_customers(customer_create_params=params, idempotency_key=mark)
        self.assertTrue(made.id.startswith("cus_"))
        self.assertEqual((made.address.city, made.address.country, made.currency), ("London", None, None))
        self.assertEqual((made.tax_exempt, made.preferred_locales), ("exempt", ["en", "de"]))
        changes = generator_client.CustomerParams(metadata={"plan": None, "level": "5"}, description="")
        changed = self.customers.post_v1_customers_id(made.id, customer_params=changes)
        self.assertEqual((changed.metadata, changed.name), ({"level": "5"}, "Ada"))
        listed = self.customers.get_v1_customers(email=mark, created_gte=made.created, limit=5)
        self.assertEqual(([one.id for one in listed.data], listed.has_more), ([made.id], False))
        self.assertEqual(self.customers.get_v1_customers_id(made.id).actual_instance.email, mark)
        self.assertIs(self.customers.delete_v1_customers_id(made.id).deleted, True)
        self.assertIs(self.customers.get_v1_customers_id(made.id).actual_instance.deleted, True)

    def test_endpoints_and_events(self):
        params = generator_client.WebhookEndpointCreateParams(
            url=HOOK, enabled_events=["customer.created", "customer.updated"], metadata={"a": "b"}, ordering="per_object",
        )
        made = self.endpoints.post_v1_webhook_endpoints(params)
        self.assertTrue(made.secret.startswith("whsec_"))
        self.assertEqual(made.enabled_events, ["customer.created", "customer.updated"])
        self.assertEqual((made.status, made.ordering, made.disabled_reason), ("enabled", "per_object", None))
        event = self.events.get_v1_events(object=made.id, types=["webhook_endpoint.*"]).data[0]
        self.assertEqual((event.type, event.data.object.actual_instance.url), ("webhook_endpoint.created", HOOK))
        self.assertTrue(event.request.id.startswith("req_"))
        since = generator_client.ReplayParamsCreatedOneOf(gte=made.created)
        params = generator_client.ReplayParams(types=["customer.*"], created=generator_client.ReplayParamsCreated(since))
        replay = self.endpoints.post_v1_webhook_endpoints_id_replay(made.id, replay_params=params)
        self.assertEqual(replay.actual_instance.webhook_endpoint.actual_instance, made.id)

    def test_errors(self):
        with self.assertRaises(generator_client.exceptions.NotFoundException) as caught:
            self.customers.get_v1_customers_id("cus_nothing")
        self.assertEqual(caught.exception.data.error.code, "resource_missing")

    def test_answers_of_tomorrow(self):
        made = self.customers.post_v1_customers(customer_create_params=generator_client.CustomerCreateParams(
            name="Ada", address=generator_client.CustomerCreateParamsAddress(city="London"),
        ))
        later = generator_client.Customer.from_dict(customer_of_tomorrow(answer(f"/v1/customers/{made.id}")))
        self.assertEqual((later.tax_exempt, later.currency, later.name), ("sometimes", "eur", "Ada"))
        self.assertEqual(later.additional_properties, {"new_field": {"x": 1}})
        event = Event.from_dict(event_of_tomorrow(answer(f"/v1/events?object={made.id}")["data"][0]))
        self.assertEqual((event.type, event.data.object.actual_instance.object), ("thing.created", "thing"))
        self.assertEqual(event.data.object.actual_instance.additional_properties["size"], 3)
        error = {"error": {"type": "new_error", "code": "brand_new", "message": "m", "doc_url": "https://x"}}
        self.assertEqual(generator_client.Error.from_dict(error).error.code, "brand_new")


class OpenapiPythonClient(unittest.TestCase):
    def setUp(self):
        self.client = self.enterContext(python_client.AuthenticatedClient(base_url=URL, token=KEY))

    def test_customers(self):
        models = python_client.models
        mark = f"{uuid.uuid4()}@example.com"
        metadata = models.CustomerCreateParamsMetadataType0.from_dict({"plan": "pro"})
        address = models.CustomerCreateParamsAddressType0(city="London")
        params = models.CustomerCreateParams(
            name="Ada", email=mark, metadata=metadata, preferred_locales=["en", "de"], address=address,
        )
        made = post_v1_customers.sync(client=self.client, body=params, idempotency_key=mark)
        self.assertIsInstance(made, models.Customer)
        self.assertEqual((made.address.city, made.currency, made.preferred_locales), ("London", None, ["en", "de"]))
        changes = models.CustomerParamsMetadataType0.from_dict({"plan": None, "level": "5"})
        changed = post_v1_customers_id.sync(made.id, client=self.client, body=models.CustomerParams(metadata=changes))
        self.assertEqual((changed.metadata.to_dict(), changed.name), ({"level": "5"}, "Ada"))
        listed = get_v1_customers.sync(client=self.client, email=mark, createdgte=made.created)
        self.assertEqual([one.id for one in listed.data], [made.id])

    def test_forms(self):
        models = python_client.models
        form = models.CustomerCreateParamsForm(name="Ada", balance=-5, preferred_locales=["en", "de"])
        made = post_v1_customers.sync(client=self.client, body=form)
        self.assertIsInstance(made, models.Customer)
        self.assertEqual((made.name, made.balance, made.preferred_locales), ("Ada", -5, ["en", "de"]))

    def test_endpoints_and_events(self):
        models = python_client.models
        types = models.WebhookEndpointCreateParamsEnabledEventsItem
        params = models.WebhookEndpointCreateParams(
            url=HOOK, enabled_events=[types.CUSTOMER_CREATED, types.CUSTOMER_UPDATED],
        )
        made = post_v1_webhook_endpoints.sync(client=self.client, body=params)
        self.assertIsInstance(made, models.WebhookEndpointWithSecret)
        self.assertEqual((made.enabled_events, made.status), (["customer.created", "customer.updated"], "enabled"))
        event = get_v1_events.sync(client=self.client, object_=made.id).data[0]
        self.assertEqual((event.type_, event.data.object_.url), ("webhook_endpoint.created", HOOK))

    def test_errors(self):
        missing = get_v1_customers_id.sync("cus_nothing", client=self.client)
        self.assertEqual(missing.error.code, "resource_missing")

    def test_answers_of_tomorrow(self):
        models = python_client.models
        params = models.CustomerCreateParams(name="Ada", address=models.CustomerCreateParamsAddressType0(city="London"))
        made = post_v1_customers.sync(client=self.client, body=params)
        later = models.Customer.from_dict(customer_of_tomorrow(answer(f"/v1/customers/{made.id}")))
        self.assertEqual((later.tax_exempt, later.currency, later["new_field"]), ("sometimes", "eur", {"x": 1}))
        event = models.Event.from_dict(event_of_tomorrow(answer(f"/v1/events?object={made.id}")["data"][0]))
        self.assertEqual((event.type_, event.data.object_["size"]), ("thing.created", 3))


if __name__ == "__main__":
    unittest.main(verbosity=2)
