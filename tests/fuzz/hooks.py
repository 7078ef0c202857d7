"""What schemathesis is told about this API beyond the document. `make fuzz` runs it with every check it has."""

import schemathesis

# What a request that fits the document may still be refused for: facts that no schema can say.
SEMANTIC = {
    "amount_too_large", "amount_too_small", "card_number_forbidden", "charge_already_refunded", "email_invalid",
    "idempotency_key_in_use", "invalid_characters", "limit_reached", "parameters_exclusive",
    "payment_intent_unexpected_state", "resource_missing", "setup_intent_unexpected_state", "url_invalid",
}
TOLD = ("Keys for idempotent requests", "Invalid created: it is given both", "Parameter given twice: expand", "Invalid query: ", "Invalid page: ",
        # One of several is required, an amount has a currency, a name has a text.
        "Missing required param: card[", "Missing required param: payment_intent.", "Invalid currency: ",
        "This value must be greater than or equal to the minimum charge amount", "Parameter must not be empty: name",
        "Parameter must not be empty: created",
        "Invalid statement_descriptor: ", "Invalid final_capture: ", "Invalid positive integer: ")


@schemathesis.check
def a_request_that_fits_is_not_refused_for_its_form(ctx, response, case):
    """Stands for `positive_data_acceptance`, which knows statuses and not reasons."""
    generation = case.meta.generation if case.meta else None
    if generation is None or generation.mode.is_negative or response.status_code != 400:
        return
    # A hash that may be null gets no brackets in the forms that schemathesis makes, whatever `encoding` says.
    if str(case.media_type).endswith("form-urlencoded"):
        return
    error = response.json()["error"]
    # An empty value in a query is refused. To say so in each schema would be another contract.
    if case.method in ("GET", "DELETE") and error.get("code") == "parameter_invalid_empty":
        return
    if error.get("code") in SEMANTIC or error["message"].startswith(TOLD):
        return
    raise AssertionError(f"it fits the document and is refused: {error}")


def is_empty(value):
    """Whether a form or a query shows nothing of it but its name."""
    if isinstance(value, (dict, list)):
        return all(is_empty(one) for one in (value.values() if isinstance(value, dict) else value))
    return value in ("", None)


@schemathesis.hook
def filter_case(ctx, case):
    """An empty value in a body unsets a parameter, so it is no violation.

    An empty value in a query may be nothing on the wire.
    """
    if not (case.meta and case.meta.generation.mode.is_negative):
        return True
    body = case.body if isinstance(case.body, dict) else {}
    return not any(is_empty(value) for value in [*(case.query or {}).values(), *body.values()])
