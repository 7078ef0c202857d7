-- The last migration that was applied.
select coalesce(max(version), 0)::bigint as version from calmony.migration
