-- The events of these ids, in their order. $1 account, $2 ids. $3 bytes: past them a row comes without its
-- data; the first row has it always.
-- Index: event_ids_are_unique.
with found as (
    select e.account, e.position, e.id, e.type, e.created_at, e.version, e.data, e.previous, e.request_id,
           e.idempotency_key,
           octet_length(e.data::text) + coalesce(octet_length(e.previous::text), 0) as bytes,
           wanted.place
      from unnest($2::text[]) with ordinality as wanted (id, place)
      join calmony.event e on e.account = $1 and e.id = wanted.id
), sized as (
    select *, sum(bytes) over w <= $3 or row_number() over w = 1 as fits
      from found
    window w as (order by place rows unbounded preceding)
)
select id::text, type, created_at, version, case when fits then data::text end as data,
       case when fits then previous::text end as previous, request_id, idempotency_key,
       case when fits then calmony.pending_webhooks(account, position, type) end as pending_webhooks
  from sized
 order by place
