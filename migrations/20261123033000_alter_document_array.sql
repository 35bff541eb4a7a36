-- Items of $push and $addToSet are appended at once: one after the other, each copying the array, many of them took longer
-- than a statement may. Of equal new items the first stays.
create or replace function document_array(old jsonb, op text, given jsonb, path text[]) returns jsonb language plpgsql immutable as $$
begin
    if old is null then
        old := '[]';
    elsif jsonb_typeof(old) <> 'array' then
        perform refuse_document_step(path);
    end if;
    if op = 'pull' then
        return coalesce((select jsonb_agg(kept.value order by kept.position)
            from jsonb_array_elements(old) with ordinality kept (value, position)
            where not exists (select from jsonb_array_elements(given) gone (value) where gone.value = kept.value)), '[]');
    end if;
    if op = 'push' then
        return old || given;
    end if;
    return old || coalesce((select jsonb_agg(new.value order by new.position)
        from (select distinct on (value) value, position
            from jsonb_array_elements(given) with ordinality g (value, position) order by value, position) new
        where not exists (select from jsonb_array_elements(old) o (value) where o.value = new.value)), '[]');
end
$$;
