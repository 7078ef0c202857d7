-- The keys that signing secrets are sealed with.
select distinct key_id
  from calmony.endpoint_secret
 where key_id is not null
