-- Every change of every endpoint, in order, with the events that it asked for from then on.
-- Index: event_versions_are_unique_in_a_stream.
select e.account, e.stream::text as endpoint, e.position, e.created_at, e.deleted,
       e.data ->> 'status' = 'enabled' as enabled,
       array(select json_array_elements_text(e.data -> 'enabled_events')) as enabled_events
  from calmony.account a
  join calmony.event e on e.account = a.id and e.stream >= 'we_' and e.stream < 'we`'
 order by e.account, e.stream, e.version
