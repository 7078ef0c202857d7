-- Signing secrets are sealed with a key that the database doesn't have (src/seal.rs). `secret` is what was stored before;
-- `calmony secrets reseal` empties it.
alter table calmony.endpoint_secret
    alter column secret drop not null,
    add column key_id text collate "C",           -- which key it is sealed with
    add column sealed text collate "C",
    add column previous_until timestamptz,        -- until when the endpoint's earlier secrets sign, too
    add constraint endpoint_secret_is_sealed_or_plain
        check ((sealed is null) = (key_id is null) and (sealed is null) <> (secret is null));

revoke insert on calmony.endpoint_secret from calmony_api;
grant insert (account, endpoint, version, created_at, key_id, sealed, previous_until) on calmony.endpoint_secret to calmony_api;

-- Which keys there are, so that a process that lacks one can say so when it starts.
grant select (key_id) on calmony.endpoint_secret to calmony_reader;

-- An endpoint's live secrets, newest first, with spaces between: `key_id:sealed`, or what was stored in plain text. A secret
-- lives until a later one says that its time is over; of very many the newest eight sign.
create function calmony.live_secrets(account bigint, endpoint text) returns text
language sql stable parallel safe
as $$
    select string_agg(shown, ' ' order by version desc)
      from (select s.version, coalesce(s.key_id || ':' || s.sealed, s.secret) as shown
              from calmony.endpoint_secret s
             where s.account = $1 and s.endpoint = $2
               and not exists (select from calmony.endpoint_secret n
                                where n.account = $1 and n.endpoint = $2 and n.version > s.version
                                  and coalesce(n.previous_until, n.created_at) <= statement_timestamp())
             order by s.version desc
             limit 8) live
$$;

-- A delivery that waits, with all that is needed to send it. `behind_ms`: it stands in line behind an earlier event of its
-- object that is still to come, for so long at least; null when it doesn't.
create view calmony.owed_delivery as
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
              and x.position < d.position and x.state = 'exhausted') as order_gap
  from calmony.delivery d
  join calmony.event e on e.account = d.account and e.position = d.position
  join calmony.endpoint p on p.account = d.account and p.id = d.endpoint
  left join calmony.account a on a.id = d.account;
grant select on calmony.owed_delivery to calmony_worker;
