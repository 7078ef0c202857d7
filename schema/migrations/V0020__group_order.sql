-- A group's order holds at the endpoints that ask for order, across its objects and the workers that own
-- them.

-- 'owed' if the endpoint is still owed an earlier event of the group, 'given_up' if one of them was given up
-- and none is owed, null otherwise. An event is owed by its row, or by its place in the outbox if the
-- endpoint asks for it and hasn't taken it, or by a replay that has come past the later event in one bucket
-- and not yet to the earlier one in another. The group is the id of its first event, so that the others are
-- found beside it.
create function calmony.before_in_group(
    of_account bigint, of_position bigint, of_endpoint text, of_group text, of_bucket smallint) returns text
language plpgsql stable
as $$
declare
    is_owed     boolean;
    is_given_up boolean;
begin
    select bool_or(case d.state
                   when 'exhausted' then false
                   when 'owed' then true
                   when 'parked' then true
                   else exists (select from calmony.outbox o
                                 where o.account = e.account and o.position = e.position)
                        and p.status = 'enabled' and calmony.subscribes(p.enabled_events, e.type)
                        -- The bounds spare the other days' partitions; clocks may differ by an hour.
                        and not exists (select from calmony.attempt t
                                         where t.account = e.account and t.endpoint = p.id
                                           and t.position = e.position and t.error is null
                                           and t.started_at > e.created_at - interval '1 hour'
                                           and t.started_at < statement_timestamp() + interval '1 hour')
                   end
                   or exists (
                       select from calmony.replay r
                         join calmony.replay_progress own on own.account = r.account and own.replay = r.id
                                                         and own.bucket = of_bucket
                         left join calmony.replay_progress its
                                on its.account = r.account and its.replay = r.id
                               and its.bucket = calmony.bucket_of(e.stream)
                        where r.account = of_account and r.endpoint = of_endpoint and r.status = 'running'
                          and not r.single and r.after_position < e.position and own.position >= of_position
                          and coalesce(its.position, r.after_position) < e.position
                          and calmony.replays(r, e, p.enabled_events))),
           bool_or(d.state = 'exhausted')
      into is_owed, is_given_up
      from calmony.event e
      join calmony.endpoint p on p.account = of_account and p.id = of_endpoint
      left join calmony.delivery d
             on d.account = e.account and d.position = e.position and d.endpoint = of_endpoint
     where e.account = of_account and e.position < of_position and e.group_id = of_group
       and e.position >= (select first.position from calmony.event first
                           where first.account = of_account and first.id = of_group);
    return case when is_owed then 'owed' when is_given_up then 'given_up' end;
end $$;

-- As before, and with the group at the end. What waits for its group is looked at again after an eighth of
-- the event's age, if a call of another worker has been lost. The view comes before the table, because
-- workers lock it first.
create or replace view calmony.owed_delivery as
select d.account, d.position, d.endpoint, d.bucket, d.attempts, d.state, d.due_at, d.stream,
       e.id as event, e.type, e.created_at, e.version, e.data, e.previous, e.request_id, e.idempotency_key,
       coalesce(a.livemode, false) as livemode,
       p.url, p.rate_limit, p.version as endpoint_version,
       case when p.status = 'enabled' and p.paused then 'paused' else p.status end as status,
       calmony.live_secrets(d.account, d.endpoint) as secrets,
       calmony.pending_webhooks(d.account, d.position, e.type) as pending_webhooks,
       case when d.stream is not null then coalesce(
           (select coalesce(greatest(0, extract(epoch from x.due_at - statement_timestamp()) * 1000),
                            0)::bigint
              from calmony.delivery x
             where x.account = d.account and x.endpoint = d.endpoint and x.stream = d.stream
               and x.position < d.position and x.state <> 'exhausted'
             order by x.position
             limit 1),
           -- From the object's last events to the outbox, never the other way: that may be long.
           (select 0::bigint
              from (select earlier.position
                      from calmony.event earlier
                     where earlier.account = d.account and earlier.stream = d.stream
                       and earlier.version < e.version
                     order by earlier.version desc
                     limit 32) last
             where exists (select from calmony.outbox o
                            where o.account = d.account and o.position = last.position)
             limit 1)) end as behind_ms,
       d.stream is not null and exists (
           select from calmony.delivery x
            where x.account = d.account and x.endpoint = d.endpoint and x.stream = d.stream
              and x.position < d.position and x.state = 'exhausted')
           or coalesce(g.before = 'given_up', false) as order_gap,
       e.trace,
       case when d.stream is not null then e.group_id end as group_id,
       case when g.before = 'owed'
            then greatest(1000, least(60000, extract(epoch from statement_timestamp() - e.created_at)
                                             * 125))::bigint
            end as group_wait_ms
  from calmony.delivery d
  join calmony.event e on e.account = d.account and e.position = d.position
  join calmony.endpoint p on p.account = d.account and p.id = d.endpoint
  left join calmony.account a on a.id = d.account
  -- Asked of nothing but the later events of groups: OFFSET keeps the planner from merging it.
  left join lateral (
      select calmony.before_in_group(d.account, d.position, d.endpoint, e.group_id, d.bucket) as before
       where d.stream is not null and e.group_place > 1
      offset 0) g on true;

-- The group's id, where the endpoint asked for order when the delivery was made: these stand in line by
-- group, too.
alter table calmony.delivery add column group_id text collate "C";
create index delivery_in_group on calmony.delivery (account, endpoint, group_id, position)
    where group_id is not null;
