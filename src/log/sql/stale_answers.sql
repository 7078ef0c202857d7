-- The number of stored answers that are sealed with another key than this one. $1 the key's id.
select count(*) as count
  from calmony.idempotency
 where sealed_with <> $1
