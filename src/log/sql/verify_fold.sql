-- A portion of the log, object by object. `is_state`: the object stands exactly as after this event; null
-- if it has another version. $1 account, $2 object and $3 version to go on after, $4 rows.
-- Indexes: event_versions_are_unique_in_a_stream, object_ids_are_unique.
select e.account, e.stream::text, e.version, e.id::text as event, e.deleted, e.data::text, e.previous::text,
       e.internal::text,
       o.data::text = e.data::text and o.deleted = e.deleted and o.updated_at = e.created_at
       and o.internal::text is not distinct from e.internal::text
       and o.due is not distinct from calmony.due_of(e.internal)
       and o.owner is not distinct from calmony.owner_of(e.stream, e.data) as is_state,
       e.created_at as happened_at, o.created_at as born_at
  from calmony.event e
  left join calmony.object o on o.account = e.account and o.id = e.stream and o.version = e.version
 where (e.account, e.stream, e.version) > ($1::bigint, $2::text, $3::bigint)
 order by e.account, e.stream, e.version
 limit $4
