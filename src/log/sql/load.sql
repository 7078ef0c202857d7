-- The living objects of some ids, with what they keep to themselves. $1 account, $2 ids. Index:
-- object_ids_are_unique.
select id::text, version, data::text, internal::text
  from calmony.object
 where account = $1 and id = any ($2::text[]) and not deleted
