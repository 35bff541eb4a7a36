-- Changing a document by the operators of a patch, within the statement that holds its row.

-- SQLSTATE W0001: the document does not allow the step. The message is the field.
create function refuse_document_step(path text[]) returns void language plpgsql immutable as $$
begin
    raise exception '%', array_to_string(path, '.') using errcode = 'W0001';
end
$$;

-- The document with all parents of a path: missing ones are made, others must be able to hold the next.
create function document_with_parents(data jsonb, path text[]) returns jsonb language plpgsql immutable as $$
declare
    here jsonb;
begin
    for depth in 1 .. cardinality(path) loop
        here := data #> path[1:depth - 1];
        if depth > 1 and here is null then
            data := jsonb_set(data, path[1:depth - 1], '{}');
        elsif jsonb_typeof(here) = 'array' then
            if path[depth] !~ '^(0|[1-9][0-9]{0,6})$' or path[depth]::integer >= jsonb_array_length(here) then
                perform refuse_document_step(path);
            end if;
        elsif jsonb_typeof(here) <> 'object' then
            perform refuse_document_step(path);
        end if;
    end loop;
    return data;
end
$$;

-- A number after arithmetic, exact, as long as it stays within 500 characters.
create function document_number(result numeric, path text[]) returns jsonb language plpgsql immutable as $$
begin
    if length(result::text) > 500 then
        perform refuse_document_step(path);
    end if;
    return to_jsonb(result);
end
$$;

-- An array after $push ("is_set" false), $addToSet (true) and $pull.
create function document_array(old jsonb, op text, given jsonb, path text[]) returns jsonb language plpgsql immutable as $$
declare
    item jsonb;
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
    for item in select value from jsonb_array_elements(given) with ordinality g (value, position) order by position loop
        if op = 'push' or not exists (select from jsonb_array_elements(old) o (value) where o.value = item) then
            old := old || jsonb_build_array(item);
        end if;
    end loop;
    return old;
end
$$;

-- The document after the steps of domain::collection::patch, one after the other.
create function document_patch(data jsonb, steps jsonb) returns jsonb language plpgsql immutable as $$
declare
    step jsonb;
    path text[];
    old jsonb;
    op text;
begin
    for step in select value from jsonb_array_elements(steps) with ordinality s (value, position) order by position loop
        op := step ->> 'op';
        path := array(select value from jsonb_array_elements_text(step -> 'path') with ordinality p (value, position)
            order by position);
        old := data #> path;
        if op in ('unset', 'pull') and old is null then
            continue;
        elsif op = 'unset' then
            if jsonb_typeof(data #> path[1:cardinality(path) - 1]) <> 'object' then
                perform refuse_document_step(path);
            end if;
            data := data #- path;
            continue;
        end if;
        data := document_with_parents(data, path);
        if op in ('inc', 'mul') and old is not null and jsonb_typeof(old) <> 'number' then
            perform refuse_document_step(path);
        end if;
        data := jsonb_set(data, path, case op
            when 'set' then step -> 'value'
            when 'inc' then document_number(coalesce(old::numeric, 0) + (step ->> 'value')::numeric, path)
            when 'mul' then document_number(coalesce(old::numeric, 0) * (step ->> 'value')::numeric, path)
            else document_array(old, op, step -> 'value', path)
        end);
    end loop;
    return data;
end
$$;
