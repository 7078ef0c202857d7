-- Forgets the idempotency keys of the day before yesterday.
select calmony.forget_idempotency_keys()
