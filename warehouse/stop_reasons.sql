-- Why a trial stopped, read from the registry's free text by rules. Votes rest on efficacy, safety, benefit and accrual:
-- their patterns prefer silence to a guess. Every pattern is a constant, since DuckDB compiles only those once.

-- One spelling for what is written in many, and ' . ' wherever a statement may end.
create or replace macro stop_text(text) as
    (' ' || lower(text) || ' ')
        .regexp_replace('[’‘`´]', '''', 'g')
        .regexp_replace('\bcan(''t|not)\b', 'can not', 'g')
        .regexp_replace('\b(do|does|did|is|are|was|were|would|could|has|have|had|wo)n''?t\b', '\1 not', 'g')
        .regexp_replace('\bno\. of\b', 'number of', 'g')
        .regexp_replace('[.;:!?()\[\]{}"]|\b(but|rather|instead|however|although|though|whereas)\b', ' . ', 'g')
        .regexp_replace('(,|\band) ?((is |was |it |were )?(due|because)|this|the (study|trial)|study|terminated)\b', ' . \2', 'g')
        .regexp_replace('[^a-z0-9.,%<>=]+', ' ', 'g')
        .regexp_replace('\b(end|stand) points?\b|\bendpoints\b', 'endpoint', 'g')
        .regexp_replace('\b(re)?enr?r?ol\w*|\binr+ol\w*|\benrl+m\w*|\brec(r[iu]|ui|iu)\w*t\w*'
            || '|\bac+(r+u|ur+[au]l|ual)\w*', 'enrol', 'g')
        .regexp_replace('\b(p[ao]r?[tc]i[ctp]\w*pa\w*|pat[ie]+nts?|parients?|pts?|subjects?|v[ou]l[ou]nt[e]+rs?|candidates?|'
            || 'cases|individuals|people|persons|donors|women|families|couples|children|adults|population)\b', 'patient', 'g')
        .regexp_replace('\b(effica\w*c\w*|eficacy|effectiveness)\b', 'efficacy', 'g')
        .regexp_replace('\b[iu]nsuf\w+\b', 'insufficient', 'g')
        .regexp_replace('\bspons[eo]rs?\b', 'sponsor', 'g')
        .regexp_replace('\bnon ?inferior\w*', 'noninferiority', 'g')
        .regexp_replace('\b((data|safety|drug|independent|and|external) )*monitoring( board| committee| group| panel)?'
            || '|\b((data|safety|drug) )+(board|committee)', 'dsmb', 'g')
        .regexp_replace('\bpatient (compliance|adherence|retention|follow|benefit|safety|data|outcomes?|respon\w+|care|consent|'
            || 'management|visits?|years?|improvement|records?|dropout|drop|outs?|attrition|withdrawals?|fees?|treatment)', '\1', 'g');

-- What a denial may be about. Efficacy alone is not: 'no efficacy' is a reason.
create or replace macro stop_topic() as
    '(safety|tolerability|toxicit(y|ies)|adverse (drug )?(events?|reactions?|effects?)|side effects?|s?aes?|dlts?|harms?)';

-- The text without what it says was not the reason, and without why more patients would have been wanted.
create or replace macro stop_stated(t) as
    t
        -- 'not due to …', 'unrelated to …', up to the end of the statement or of the list of topics
        .regexp_replace(
            '\b(not( (terminated|stopped|discontinued|halted|closed|suspended|withdrawn|a|the|directly|in any way|made|taken'
            || '|being|as|been|specifically|necessarily|prompted|driven|triggered|caused|motivated|impacted|influenced)){0,3}'
            || ' (due|because|based on|by|owing|for|attribut\w+|related to|(result|consequence) of|linked to|from'
            || '|associated with (any|safety))|unrelated to|(independent(ly)?|irrespective|regardless) of|no relation(ship)? '
            || '(to|with)|nothing to do with)\b[^.,]*(,( or| and| nor)?( any| its)? (efficacy|product|quality|use|'
            || stop_topic() || ')[^.,]*)*', ' . ', 'g')
        -- 'no (new) safety (or efficacy) concerns'
        .regexp_replace(
            '\b(no|not|nor|neither|without|absence of|free of)( (any|new|unexpected|major|serious|significant|known|'
            || 'identified|specific|particular|patient|product|drug|clinical|emergent|emerging|important|relevant|other|'
            || 'further|additional|unanticipated|treatment|related|efficacy|quality|and|or|nor|evidence of|signs? of|raise|'
            || 'concerns? (about|regarding|with|for|over)|issues? (with|of)),?)* ' || stop_topic() || '( and| or| nor|,| '
            || stop_topic() || '| efficacy| related| concerns?| issues?| reasons?| signals?| findings?| problems?)*',
            ' . ', 'g')
        .regexp_replace('\bno (and |or )?efficacy (concern|issue|problem|reason)s?', ' . ', 'g')
        -- 'too few patients to show efficacy' is about patients
        .regexp_replace('\b(enrol|patient|number|size|data|power\w*|events?|fund\w*)( \w+){0,2} (to|for) (\w+ )?'
            || '(show|demonstrat|evaluat|assess|determin|detect|test|answer|analy|prove|establish|draw|conclu|provid|meet|'
            || 'reach|achiev|obtain|attain|measur|support|allow|ensure|yield)\w*[^.,]*', '\1 . ', 'g')
        -- futility and efficacy of recruitment are no properties of a drug
        .regexp_replace('\b(futil\w+|efficacy|efficiency|(in)?effective) (of |in |for |due to |because of )?(the |slow |low |'
            || 'poor |very |lack of )*enrol|\benrol futility', ' slow enrol', 'g');

-- What may stand between a lack and what is lacking: 'lack of (any clinically meaningful) benefit'.
create or replace macro stop_gap() as
    '((\w+(al|ed|able|ic|ly|ive|ful)|of|in|the|a|an|any|its|for|on|or|and|this|evidence|proof|signs?|signals?|enough|drug|'
    || 'treatment|survival|antitumou?r|over|to|show|demonstrate|have|sufficient|significant|apparent|better|evident|'
    || 'improvement|efficacy|level|sustained|immune|tumou?r|primary|great|greater) )*';

create or replace macro stop_endpoint() as
    '((the|its|their|pre|primary|secondary|main|key|study|efficacy|clinical|composite|co|specified|prespecified|defined|'
    || 'predefined|planned|of|both|any|a|for) )*'
    || '(endpoint|(primary|main) (outcome|objective|aim|goal|target|hypothesis)|efficacy (outcome|objective|criteri\w+|goal|'
    || 'target|threshold|bar)|hypothes[ie]s|superiority|noninferiority|significance|statistical significance|efficacy|'
    || '(success|response) criteri\w+)s?';

-- The drug does not work, or cannot be shown to.
create or replace macro stops_for_efficacy(t) as
    regexp_matches(t, '\bfutil|\binefficac|\bineffective\b|\bnon ?(efficac|effective)|\b(not|never)( \w+)? effective\b')
    or regexp_matches(t, '\b(do|did|does|is|was) not (work\b|working|improve|reduce|prevent|beneficial|superior|better)')
    -- lack of efficacy, no difference, failed to show a benefit
    or regexp_matches(t, '\b(lack\w*|absence|insufficient|inadequate|no|not( \w+)? (enough|sufficient)|poor|limited|low|lower|'
        || 'minimal|little|weak|marginal|without|loss|less|disappointing|unfavou?rable|unsatisfactory|nonsatisfactory|'
        || 'suboptimal|fail\w* to|unlikely( \w+)? to|((not|unable to|never|can not) (be )?(\w+ly )?(show\w*|demonstrat\w*|'
        || 'prove\w*|provid\w*|confirm\w*|observ\w*|achiev\w*|establish\w*|reveal\w*|suggest\w*|indicat\w*|see|have|support|'
        || 'detect\w*|offer|expect\w*))) ' || stop_gap()
        || '(efficacy|effects?|benefits?|improvements?|superiority|differences?|advantages?|significance|responders?|'
        || '(clinical|anti\w+|tumou?r|biological|therapeutic|agent|of) activity|(clinical|tumou?r|objective|of) responses?)\b')
    -- the endpoint was not met, in either order
    or regexp_matches(t, '\b(not|fail\w* to|unlikely( \w+)? to|unable to|never|without|no chance (to|of)|failure to) '
        || '(be able to |likely to |likely |expected to |going to |be )?(meet|met|meeting|reach\w*|achiev\w*|hit|attain\w*|'
        || 'satisf\w*|support\w*) ' || stop_endpoint() || '\b')
    or regexp_matches(t, stop_endpoint() || ' (\w+ ){0,3}(not|unlikely to) (\w+ ){0,2}(met|meet|reached|achieved|demonstrated|'
        || 'shown|proven|established|confirmed|observed|supported|attained)\b')
    or regexp_matches(t, '\b(miss\w*|failed) (on )?' || stop_endpoint() || '\b')
    -- inferior, negative or disappointing results
    or regexp_matches(t, '\binferiority\b|\binferior (to|results?|outcomes?|efficacy|survival|activity|arm)\b'
        || '|\b(was|were|is|be|significantly|clearly) inferior\b|\bworse (outcomes?|survival|results?|efficacy)')
    or regexp_matches(t, '\b(negative|disappointing|discouraging|unpromising|unfavou?rable|poor|unsatisfactory) (\w+ ){0,2}'
        || '(results?|outcomes?|efficacy|findings?)\b|\b(results?|outcomes?|trials?|stud(y|ies)|data|analys[ie]s) '
        || '(was|were|are|is) (negative|disappointing|unfavou?rable|not (as )?(promising|encouraging|favou?rable))\b')
    -- small odds, failed trials
    or regexp_matches(t, '\b(conditional|predictive) power\b|\bstochastic curtail|\b(low|no|little|insufficient) '
        || '(\w+ )?(probability|chance|likelihood|possibility) (of|for|to) (\w+ ){0,3}(success|positive|superior\w*|benefit|'
        || 'difference\w*|efficacy|effect|endpoint)')
    or regexp_matches(t, '\b(phase [1-4i]+\w*|pivotal|trial|study|drug|product|treatment|therapy|compound) (trial |study )?'
        || '(failure|failed)( \.| in\b| of\b)|\b(high|higher|excess\w*|increased) (\w+ ){0,3}(treatment failures?|failure rate)');

-- Harm, or a balance of risk and benefit that no longer allows to go on.
create or replace macro stops_for_safety(t) as
    regexp_matches(t, '\b\w*toxicit\w*|\w+toxic\b|\btoxic\b|\btoxicolog|\badverse (drug |clinical )?(event|reaction|effect|'
        || 'experience)|\bside effects?|\bs?aes?\b|\bdlts?\b|\bsusars?\b|\bunsafe\b|\bnot (\w+ )?safe\b')
    or regexp_matches(t, '\bsafety( (and|or) \w+| related)? (concern|issue|reason|problem|signal|finding|risk|event|ground|'
        || 'consideration|alert|warning|hazard|margin|profile|result)s?\b')
    or regexp_matches(t, '\b(due to|for|because of|regarding|about|lack of|concerns? \w+|poor|insufficient|inadequate|'
        || 'unacceptable)( (patient|drug|product|lack of|efficacy|and|or|potential))* safety( \.| of| in| and efficacy| or)')
    or regexp_matches(t, '^ ?(patient )?safety [. ]*$|\bintoler\w+|\bnot( \w+)? tolera\w+|\b(poor\w*|low|bad|lack of|'
        || 'insufficient|limited) (local |gi |drug |efficacy and )?tolera\w+|\btolerability (issue|concern|problem|reason)')
    -- deaths and injuries
    or regexp_matches(t, '\b(high|higher|increased?|excess\w*|imbalance|unexpected|more|early|patient|several|two|three|'
        || 'related|of)( \w+){0,3} (deaths?|mortality|morbidity)\b|\bmortality (rate )?(was )?(higher|increase)'
        || '|\bdied as a result|\b(liver|hepatic|kidney|renal|lung) (injury|damage|failure|events?)\b|\bdrug induced'
        || '|\b(elevat\w+|increase\w*) (of |in )?(\w+ )?(liver|alt|transaminase|enzyme)|\banaphyla|\bhypersensitiv'
        || '|\b(serious|severe|increased|excess\w*|unacceptable|unexpected) (\w+ )?(complications?|bleeding|ha?emorrhage|'
        || 'infections?|reactions?)')
    -- risk against benefit
    or regexp_matches(t, '\b(risk|harm)s?( \w+){0,3} outw(ei|ie)gh|\b(unfavou?rable|negative|insufficient|poor|unacceptable|'
        || 'unclear|change in|changed|imbalance\w*|uncertain)( \w+){0,3} (risk|benefit)( to| and)? (risk|benefit)'
        || '|\b(risk|benefit)( to| and)? (risk|benefit)( \w+){0,4} (not|no longer|unfavou?rable|negative|imbalance)'
        || '|\bunacceptable (\w+ )?risks?\b|\bharmful\b|\b(potential|increased|possible) harm\b');

-- Stopped early because the aim was already reached; what other trials showed does not count.
create or replace macro stops_for_benefit(t) as
    regexp_matches(t, '\b(superiority|benefit|efficacy|success)( (of|for|in|the|at|boundary|criteria|drug|treatment|arm))* '
        || '((was|were|has|have|been|is|already|clearly) )*(shown|demonstrated|proven|proved|established|reached|achieved|'
        || 'confirmed|met|evident|crossed)\b')
    or regexp_matches(t, '\b(overwhelming|early|clear|strong|proven|compelling|significant|definite|better|greater|demonstrated|'
        || 'superior|shown|showed|positive) (clinical |treatment |survival |drug |evidence of )*(efficacy|benefits?|superiority)\b'
        || '|\bsuperior to\b|\bsignificantly (better|superior|improved)\b|\bin favou?r of (the )?(intervention|treatment|'
        || 'active|experimental|study drug)')
    or regexp_matches(t, '\b(significant|positive|favou?rable) (\w+ )?(differences?|results?|effects?|improvements?|outcomes?)\b'
        || '|\b(reach|reached|achieved) (\w+ )?significance|\bsignificance (was |has been )?(reached|achieved)')
    or regexp_matches(t, '\bprimary (efficacy |study )?(endpoint|outcomes?) (\w+ ){0,3}(met|reached|achieved|attained|significant)\b'
        || '|\b(met|reached|achieved) ((its|the|their|all|both|study) )*primary (efficacy )?(endpoint|outcome)'
        || '|\befficacy (endpoint|objective|criteri\w+|boundary) (was |were |has been )?(met|reached|achieved|crossed)')
    or regexp_matches(t, '\b(stopped|terminated|halted|closed|stopping) (\w+ )?(early )?(for|due to) (efficacy|benefit|superiority) \.');

create or replace macro stop_elsewhere(t) as
    regexp_matches(t, '\b(publi(sh|c)\w+|presented|literature|other|another|similar|previous|predecessor|different|practice)\b');

-- Too few took part, or they came too slowly: a lack and recruitment in one statement, in either order.
create or replace macro stops_for_accrual(t) as
    regexp_matches(t, '\b(slow\w*|low\w*|poor\w*|lack\w*|insufficient\w*|inadequa\w*|weak|limited|minimal|suboptimal|scarce|'
        || 'unsatisfactory|di?fficult\w*|trouble|unable|inab\w+|fail\w*|problem\w*|issues?|challeng\w*|delay\w*|struggl\w*|'
        || 'not( \w+)? (able|possible|feasible|enough|meet\w*|reach\w*|sufficient)|(could|can|did) not|under|few\w*|below|less|lag\w*|'
        || 'unsuccess\w*|hard\w*|impossib\w*|stagna\w*|u?i?n?feasib\w*|decreas\w+|declin\w+|absence|non|sluggish|behind|short\w*|no longer) '
        || '(\w+ ){0,4}enrol\b')
    or regexp_matches(t, '\benrol (\w+ ){0,5}(slow\w*|low\w*|poor\w*|difficult\w*|problem\w*|issues?|challeng\w*|insufficient\w*|inadequa\w*|'
        || 'below|unsuccess\w*|fail\w*|behind|lag\w*|less|impossib\w*|hard|unlikely|shortfall|delay\w*|barriers?|stagna\w*|hurdles?|'
        || 'not( \w+)? (met|meet|reach\w*|sufficient|possible|successful|adequate|achiev\w*|attain\w*|feasible|progress\w*|expected))\b')
    -- patients who are not there, or do not want to
    or regexp_matches(t, '\b(lack|shortage|absence|scarcity|paucity|insufficient|inadequate|not enough|too few|very few|few|fewer|small|low|'
        || '(unable|failure) to (find|identify|get)|(difficult\w*|trouble|problems?) (in |with )?(finding|identifying|getting)|not (find|identify)|'
        || 'unavailability|limited|declin\w+|decreas\w+|reduced) '
        || '((\w+(al|ed|able|ly|ive|ing|ic|ible)|of|in|the|a|an|any|for|new|enough|number|numbers|volume|flow|availability|'
        || 'study|suitable|interest|from|among|by|more|target|appropriate|potential|amount) )*patient\b')
    or regexp_matches(t, '\bpatient (\w+ ){0,2}(not interested|not willing|unwilling|refus\w*|unavailab\w*|not available|not eligible|'
        || 'too (low|small)|ineligib\w*)');

-- Nobody took part. Often only a remark, so it counts when nothing else is said or when it is what is explained.
create or replace macro stop_nobody(t) as
    regexp_replace(t, '\b(no|zero|0|none of the|not any|nobody|no one|without|never|did not|not)( (eligible|new|actual|other|'
        || 'single|one|study|have|were|was|been|yet|ever|any|of|further|suitable|interested))* (patient|enrol)'
        || '( (were|was|are|have|has|been|ever|enrol|patient|any|into|in|to|the|on|this|study|trial|yet|date|could|be|found|'
        || 'included|available|randomi[sz]ed|consented|agreed|met|criteria|inclusion|had|active|at|site|our|for|treated|dosed|registered|participate))*', ' nobody ', 'g');

-- Money.
create or replace macro stops_for_funding(t) as
    regexp_matches(t, '\b(un|de|under)?fund(s|ed|ing|ings|er|ers)?\b|\bfin?ancial|\bfinanc|\bbudget|\bgrants?\b|\bmoney\b|\bmonetary'
        || '|\beconomic|\bcosts?\b|\bexpens(e|es|ive)\b|\b(lack|loss|no) (of )?sponsor|\breimburse');

-- A decision of the company, sponsor or institution about its business.
create or replace macro stops_for_business(t) as
    regexp_matches(t, '\bbus[ai]*n?ess|\bstrateg|\bcommerci|\badministrati|\bcorporate|\bportfolio|\bpriorit|\bde ?priorit|\bcontract|\bagreement'
        || '|\bacqui(red|sition|sit)|\bmerge[rd]\b|\bbankrupt|\binsolven|\bmarket(ing|ed)?\b|\blicens|\borgani[sz]ation|\bsold\b|\bcompany|\bcompanies')
    or regexp_matches(t, '\b(development|program(me)?|compound|molecule|clinical plan|product)( \w+){0,5} (discontinu\w+|terminat\w+|stop\w*|'
        || 'halt\w*|cancel\w*|ended|clos\w+|abandon\w+|suspend\w+|withdrawn)|\b(discontinu\w+|terminat\w+|stop\w*|halt\w*|cancel\w*|ended|end|cease\w*|'
        || 'abandon\w+|withdr\w+|not pursue|no longer)( \w+){0,4} (development|program(me)?|compound|commerciali\w+|support)\b|\bdevelopment (plan|decision)')
    or regexp_matches(t, '\b(sponsor|manufacturer|pharma\w*|industry|management) (\w+ )?(decision|withdr\w+|decided|request\w*|terminat\w+|support|discretion|reasons?)');

create or replace macro stop_actor(t) as
    regexp_matches(t, '\bsponsor\b|\bmanufacturer\b|\binc\b|\bpharma\w*|\bsanofi|\bnovartis|\bpfizer|\bgsk\b|\broche|\bbayer|\bmerck|\blilly|\bamgen');

-- What the trial needed was missing: drug, staff, site, equipment.
create or replace macro stops_for_logistics(t) as
    regexp_matches(t, '\b(p ?i|principal|investigator\w*|researchers?|doctor|physician|surgeon|dr|staff\w*|personnel\w*|coordinators?|nurses?|'
        || 'students?|fellow|resident|team|author|faculty|professor|pis)( \w+){0,6} '
        || '(left|leav\w+|moved|moving|relocat\w+|departure|departed|death|died|deceased|retire\w*|resign\w*|no longer|transfer\w*|illness|sick|leave|'
        || 'passed away|graduat\w+|turnover|shortage|changed|change|not available|unavailab\w+|new institution|gone|quit|sabbatical|health)\b')
    or regexp_matches(t, '\b(departure|death|loss|leav\w+|left|retire\w+|resignation|relocation|illness|lack\w*|shortage|insufficient|limited|change|turnover|unavailab\w+|no|not enough|inadequate)'
        || ' (\w+ ){0,3}(p ?i|investigator\w*|researchers?|staff\w*|personn?el\w*|coordinators?|manpower|man power|nurses?|study team|workforce|resources?|ressources?|time|equipment|space|support|infrastructure)\b')
    or regexp_matches(t, '\b(unavailab\w*|(not|no longer|longer) (be |being |yet )?(available|avail\w+|produced|manufactured|supplied|provided|made)|availability of (the )?(study|drug|product|device))\b'
        || '|\bsuppl(y|ies|ier|ied)\b|\bshortage|\bstock\b|\bexpired (drug|product|medication|device)|\b(drug|product|medication|device|batch)( \w+){0,2} expir\w+|\bmanufactur(ing|e)\b')
    or regexp_matches(t, '\blogisti|\bresources?\b|\bressources?\b|\bequipment|\bstaffing|\bpersonn?el|\bmanpower|\btechnical|\boperational|\bworkload|\btime constraints?|\binfrastructure|\bmachine|\bmalfunction'
        || '|\bdevice (fail\w+|problem|issue|defect)|\bsites? (\w+ ){0,2}(clos\w+|problem|issue|withdr\w+|not)|\b(clos\w+|loss|lack) (\w+ ){0,3}(sites?|hospital|clinic|cent(er|re)s?|lab\w*|facility|unit)\b');

-- Words that tell that it stopped, not why.
create or replace macro stop_is_silent(t) as
    regexp_full_match(t, '([ .,%<>=0-9]|\b(the|this|a|an|of|to|in|on|at|by|for|as|per|and|or|it|its|is|was|were|be|been|has|have|had|not|no|never|'
        || 'will|did|do|further|longer|prior|before|early|earlier|prematurely|premature|permanently|temporarily|currently|now|officially|yet|any|all|'
        || 'study|studies|trial|trials|project|protocol|research|clinical|terminated|terminat\w+|stopped|stop|stopping|withdrawn|withdraw\w*|withdrew|'
        || 'suspended|suspen\w+|completed?|completion|finished|ended|end|halted|halt|closed|close|closure|cancel\w*|discontinu\w+|hold|start|started|starting|'
        || 'initiat\w+|begun|began|begin|conducted|open|opened|activated|activat\w+|active|implemented|performed|resume|continue|proceed\w*|move|forward|'
        || 'pi|p|i|s|principal|investigators?|decision|decided|decides?|determined|discretion|elected|request|requested|chose|choice|with|without|'
        || 'see|please|detailed|description|below|above|section|statement|reasons?|reason|termination|purpose|limitations|caveats|refer|comments?|'
        || 'unknown|unspecified|other|na|n|none|not|applicable|specified|provided|given|stated|data|analysis|follow|up|enrol|patient|'
        || 'objectives?|goals?|goal|met|reached|achieved|planned|anticipated|plan|scheduled|final|nobody|number|target|sample|size|sufficient|'
        || 'enough|collected|obtained|institution|from|their|our|we|i|he|she|are|that|after|due|because|only|time|date|registered|registry|went|done|over|dosing|dosed|last|first|treated)\b)*');

create or replace macro stop_pick(t) as
    list_transform(
        [list_filter([
            case when stops_for_accrual(t) then 'accrual' end,
            case when stops_for_benefit(t) and not stops_for_efficacy(t) and not stop_elsewhere(t) then 'benefit' end,
            case when stops_for_business(t) then 'business' end,
            case when stops_for_efficacy(t) then 'efficacy' end,
            case when stops_for_funding(t) then 'funding' end,
            case when stops_for_logistics(t) then 'logistics' end,
            case when stops_for_safety(t) then 'safety' end
        ], lambda r: r is not null)],
        lambda found: case
            when found <> [] then found
            when regexp_matches(stop_nobody(t), 'nobody (due|because|. ?$)|^ nobody') then ['accrual']
            when stop_actor(t) then ['business']
            when stop_is_silent(t) then ['none']
            else ['other']
        end)[1];

-- Every reason that the text states, sorted; null when it holds no text.
create or replace macro stop_reasons(text) as
    list_transform([case when regexp_matches(text, '[A-Za-z]{2}') then stop_stated(stop_text(text)) end],
        lambda t: case when t is not null then stop_pick(t) end)[1];

-- The one that decides what the stop says about the trial.
create or replace macro stop_reason(reasons) as
    list_filter(['efficacy', 'safety', 'benefit', 'accrual', 'funding', 'business', 'logistics', 'other', 'none'],
        lambda r: list_contains(reasons, r))[1];
