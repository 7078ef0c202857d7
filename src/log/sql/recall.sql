-- The answer to the request that first used a key, and the attempt that its event opened. $1 account, $2
-- key.
-- Indexes: idempotency_key_is_used_once, event_ids_are_unique.
select i.fingerprint, i.request_id, coalesce(i.answer, e.data::text) as answer, i.sealed_with,
       e.stream::text,
       case when e.request_id = i.request_id then e.internal ->> 'opened' end as opened
  from calmony.idempotency i
  left join calmony.event e on e.account = i.account and e.id = i.event
 where i.account = $1 and i.key = $2
 order by i.created_at
 limit 1
