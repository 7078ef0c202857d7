-- As before, and the trace at the end: a worker of the version before doesn't ask for it. By itself, because workers lock the view before the
-- table of events.
create or replace view calmony.owed_delivery as
select d.account, d.position, d.endpoint, d.bucket, d.attempts, d.state, d.due_at, d.stream,
       e.id as event, e.type, e.created_at, e.version, e.data, e.previous, e.request_id, e.idempotency_key,
       coalesce(a.livemode, false) as livemode,
       p.url, p.rate_limit, p.version as endpoint_version,
       case when p.status = 'enabled' and p.paused then 'paused' else p.status end as status,
       calmony.live_secrets(d.account, d.endpoint) as secrets,
       calmony.pending_webhooks(d.account, d.position, e.type) as pending_webhooks,
       case when d.stream is not null then coalesce(
           (select coalesce(greatest(0, extract(epoch from x.due_at - statement_timestamp()) * 1000), 0)::bigint
              from calmony.delivery x
             where x.account = d.account and x.endpoint = d.endpoint and x.stream = d.stream
               and x.position < d.position and x.state <> 'exhausted'
             order by x.position
             limit 1),
           -- From the object's last events to the outbox, never the other way: that may be long.
           (select 0::bigint
              from (select earlier.position
                      from calmony.event earlier
                     where earlier.account = d.account and earlier.stream = d.stream and earlier.version < e.version
                     order by earlier.version desc
                     limit 32) last
             where exists (select from calmony.outbox o where o.account = d.account and o.position = last.position)
             limit 1)) end as behind_ms,
       d.stream is not null and exists (
           select from calmony.delivery x
            where x.account = d.account and x.endpoint = d.endpoint and x.stream = d.stream
              and x.position < d.position and x.state = 'exhausted') as order_gap,
       e.trace
  from calmony.delivery d
  join calmony.event e on e.account = d.account and e.position = d.position
  join calmony.endpoint p on p.account = d.account and p.id = d.endpoint
  left join calmony.account a on a.id = d.account;
