-- The endpoints that an event is for, and the state of each delivery. $1 account, $2 the event's id.
-- `pending`: the event isn't fanned out yet.
-- Indexes: event_ids_are_unique, endpoint_ids_are_unique, delivery_is_owed_once, attempt_of_endpoint.
select e.position, e.id::text as event, p.id::text as endpoint,
       case when d.state is not null then d.state
            when a.delivered then 'delivered'
            when o.position is not null and p.status = 'enabled'
                 and calmony.subscribes(p.enabled_events, e.type) then 'pending'
            else 'dropped' end as state,
       d.due_at
  from calmony.event e
  join calmony.endpoint p on p.account = e.account
  left join calmony.outbox o on o.account = e.account and o.position = e.position
  left join calmony.delivery d on d.account = e.account and d.position = e.position and d.endpoint = p.id
 cross join lateral (
       select bool_or(t.error is null) as delivered
         from calmony.attempt t
        where t.account = e.account and t.endpoint = p.id and t.position = e.position) a
 where e.account = $1 and e.id = $2
   and (d.state is not null or a.delivered is not null
        or o.position is not null and p.status = 'enabled' and calmony.subscribes(p.enabled_events, e.type))
 order by p.id
